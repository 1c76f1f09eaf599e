// A reader's pages: they look by themselves for what reached us, send answers without leaving
// the page, and let marks be drawn. Without scripts the forms do it all.

const root = document.querySelector('[data-live-url]')
const said = document.getElementById('said')
const say = (text) => { if (said) said.textContent = text }
const newMark = () => document.getElementById('new-mark')
const parse = (text) => new DOMParser().parseFromString(text, 'text/html')

// What somebody has begun to fill in is not taken from under their hand.
document.addEventListener('input', (event) => {
  const form = event.target.closest('form')
  if (form) form.dataset.touched = 'yes'
})

function isInUse (part) {
  const focused = document.activeElement
  return part.matches('[data-touched]') || part.querySelector('[data-touched]') !== null ||
    (part.contains(focused) && focused.matches('input, select, textarea'))
}

function replacePart (old, fresh) {
  const open = [...old.querySelectorAll('details[open][id]')].map((each) => each.id)
  const focused = old.contains(document.activeElement) ? document.activeElement.id : ''
  old.replaceWith(document.importNode(fresh, true))
  for (const id of open) {
    const details = document.getElementById(id)
    if (details) details.open = true
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true })
}

// Takes over what changes; gives whether all of it could be taken.
function takeOver (page, own) {
  let whole = true
  for (const fresh of page.querySelectorAll('[data-live]')) {
    const old = document.getElementById(fresh.id)
    if (old && old !== own && isInUse(old)) whole = false
    else if (old) replacePart(old, fresh)
  }
  sheet?.prepare()
  return whole
}

function startLooking () {
  const { liveUrl, liveSeconds } = root.dataset
  let heard = root.dataset.liveVersion
  const look = async () => {
    if (!document.hidden && root.isConnected) {
      const query = new URLSearchParams(window.location.search)
      query.set('version', root.dataset.liveVersion)
      try {
        const answer = await fetch(`${liveUrl}?${query}`)
        if (answer.status === 401) document.dispatchEvent(new Event('signed-out'))
        const page = answer.status === 200 ? parse(await answer.text()) : null
        const fresh = page?.querySelector('[data-live-url]')
        if (fresh && root.isConnected && fresh.dataset.liveVersion !== root.dataset.liveVersion) {
          if (fresh.dataset.liveVersion !== heard) say('Something new has reached us.')
          heard = fresh.dataset.liveVersion
          if (takeOver(page, null)) root.dataset.liveVersion = heard
        }
      } catch {
        // The next look may find the server again.
      }
    }
    window.setTimeout(look, Number(liveSeconds) * 1000)
  }
  window.setTimeout(look, Number(liveSeconds) * 1000)
}

// Answers ------------------------------------------------------------------------------------

const beside = new URL(import.meta.url).search
const { Outbox } = await import(`./outbox.js${beside}`)
let sheet = null
const csrf = () => document.querySelector('input[name="csrf_token"]')?.value ?? ''
const outbox = root && new Outbox(root.dataset.who, { answered, told, csrf })

// What came of one: its page stands for the case that it was about.
function answered (entry, status, page) {
  const fresh = page.querySelector('[data-live-url]')
  if (entry.form) delete document.getElementById(entry.form)?.dataset.touched
  if (!fresh) {
    say(`${entry.words || 'An answer'}: that could not be kept; it is no longer yours to answer.`)
    return
  }
  const isHere = fresh.dataset.liveUrl === root.dataset.liveUrl
  if (status === 422) {
    const why = page.querySelector('#troubles .nhsuk-error-summary__list')?.textContent.trim() ?? ''
    if (isHere) showTroubles(page)
    else say(`${entry.words || 'An answer'}, ${entry.case}: not kept. ${why}`)
    if (entry.mark && isHere) sheet?.giveBack(entry.mark)
    return
  }
  if (!isHere) return
  if (takeOver(page, partOf(entry))) root.dataset.liveVersion = fresh.dataset.liveVersion
  say(page.querySelector('.nhsuk-notification-banner__heading')?.textContent ?? 'Saved.')
  const next = document.getElementById(entry.then)
  if (next && !document.activeElement.matches('input, select, textarea')) {
    next.focus({ preventScroll: Boolean(entry.mark) })
  }
}

const partOf = (entry) => document.getElementById(entry.part ?? '')

function showTroubles (page) {
  replacePart(document.getElementById('troubles'), page.getElementById('troubles'))
  const troubles = document.querySelector('.nhsuk-error-summary')
  troubles?.setAttribute('tabindex', '-1')
  troubles?.focus()
}

const WHY = {
  away: 'We cannot be reached; we try again every few seconds.',
  'signed-out': 'You are signed out: sign in again in this window, and it is saved.'
}

// Say what is not safe yet, for as long as it is not.
function told (entries, why) {
  sheet?.show()
  const line = document.getElementById('kept')
  if (!line) return
  const waits = entries.length > 0 && why !== ''
  line.hidden = !waits
  if (!waits) return
  const many = entries.length > 1
  line.querySelector('[data-kept-said]').textContent = `${entries.length} ${many ? 'answers are' : 'answer is'} not saved yet. ${WHY[why]} Until then ${many ? 'they are' : 'it is'} kept in this window: leave it open.`
  line.querySelector('ul').replaceChildren(...entries.map((each) => {
    const item = document.createElement('li')
    item.textContent = `${each.case ?? ''} ${each.words || 'an answer'}`.trim()
    return item
  }))
}

let warned = 0

document.addEventListener('submit', (event) => {
  const form = event.target
  if (form.matches('.nhsuk-header__account-form') && outbox?.entries.length && !warned++) {
    event.preventDefault()
    say('Not everything is saved yet. Sign out once more, and what is listed as not saved is lost.')
    said.focus()
    return
  }
  if (!form.matches('[data-inline]') || !outbox) return
  event.preventDefault()
  if (form.id === 'new-mark') {
    sheet?.save()
    return
  }
  if (form.dataset.sending) return
  if (form.dataset.decides && sheet?.draft && !(sheet.isComplete && sheet.save())) {
    sheet.ask()
    said.focus()
    return
  }
  form.dataset.sending = 'yes'
  const body = new URLSearchParams(new FormData(form, event.submitter)).toString()
  const words = (event.submitter?.dataset.words ?? event.submitter?.textContent ?? '').trim()
  const part = form.closest('[data-live]')?.id
  outbox.keep({ url: form.action, body, then: form.dataset.then, case: root.dataset.case, words, part, form: form.id })
    .finally(() => { delete form.dataset.sending })
})

// What is added to a decision that stands is sent with it.
document.addEventListener('change', (event) => {
  const form = event.target.form
  if (!form?.matches('[data-decides]')) return
  form.querySelector('button[aria-pressed="true"]')?.click()
})

// A mark that is not finished holds once whoever goes on; one that is finished goes with them.
let held = null
document.addEventListener('click', (event) => {
  const link = event.target.closest('a[href]')
  if (!link || !sheet?.draft || link.getAttribute('href').startsWith('#')) return
  if (sheet.isComplete) {
    sheet.save()
  } else if (held !== link) {
    held = link
    event.preventDefault()
    sheet.ask()
    said.focus()
  }
})

// A picture that is not ready yet, because others are being made, is asked for again.
function askAgain (picture) {
  let tries = 0
  const again = () => {
    if (tries++ < 10) window.setTimeout(() => { picture.src = `${picture.src.split('?')[0]}?${tries}` }, 1500)
  }
  picture.addEventListener('error', again)
  if (picture.complete && picture.naturalWidth === 0) again()
}

if (root) {
  document.querySelectorAll('.app-view__picture').forEach(askAgain)
  if (newMark()) {
    const { Sheet } = await import(`./sheet.js${beside}`)
    sheet = new Sheet(root, outbox, say)
  }
  startLooking()
  outbox.flush()
}
