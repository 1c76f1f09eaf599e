// A reader's pages: they look by themselves for what reached us, send answers without leaving
// the page, and let a mark be put by mouse or keyboard. Without scripts the forms do it all.

const root = document.querySelector('[data-live-url]')
const said = document.getElementById('said')
const say = (text) => { if (said) said.textContent = text }
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
  prepareSheet()
  return whole
}

function startLooking () {
  const { liveUrl, liveSeconds } = root.dataset
  let heard = root.dataset.liveVersion
  const look = async () => {
    if (!document.hidden) {
      const query = new URLSearchParams(window.location.search)
      query.set('version', root.dataset.liveVersion)
      try {
        const answer = await fetch(`${liveUrl}?${query}`)
        if (answer.status === 401) {
          window.location.reload()
          return
        }
        const page = answer.status === 200 ? parse(await answer.text()) : null
        const fresh = page?.querySelector('[data-live-url]')
        if (fresh && fresh.dataset.liveVersion !== root.dataset.liveVersion) {
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

async function send (form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter))
  const answer = await fetch(form.action, { method: 'POST', body })
  const page = parse(await answer.text())
  const fresh = page.querySelector('[data-live-url]')
  if (!fresh) {
    window.location.reload() // signed out, or no such page any more: it says so itself
    return
  }
  if (answer.status === 422) {
    replacePart(document.getElementById('troubles'), page.getElementById('troubles'))
    const troubles = document.querySelector('.nhsuk-error-summary')
    troubles?.setAttribute('tabindex', '-1')
    troubles?.focus()
    return
  }
  delete form.dataset.touched
  if (takeOver(page, form.closest('[data-live]'))) root.dataset.liveVersion = fresh.dataset.liveVersion
  say(page.querySelector('.nhsuk-notification-banner__heading')?.textContent ?? 'Kept.')
  document.getElementById(form.dataset.then)?.focus({ preventScroll: form.id === 'new-mark' })
}

document.addEventListener('submit', async (event) => {
  const form = event.target
  if (!form.matches('[data-inline]')) return
  event.preventDefault()
  if (form.dataset.sending) return
  form.dataset.sending = 'yes'
  try {
    await send(form, event.submitter)
  } catch {
    say('That was not kept: we could not be reached. Try again.')
    said.focus()
  }
  delete form.dataset.sending
})

// The sheet ---------------------------------------------------------------------------------

const newMark = () => document.getElementById('new-mark')

function prepareSheet () {
  const form = newMark()
  if (!form || form.dataset.prepared) return
  form.dataset.prepared = 'yes'
  form.querySelector('[data-typed]').hidden = true
  document.getElementById('cross-how').hidden = false
  document.querySelectorAll('.app-cross--put').forEach((each) => each.classList.remove('app-cross--put'))
}

function lineOf (lines) {
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'line')
  lines.append(line)
  return line
}

function layCross (view) {
  const { columns, rows, what, view: number } = view.dataset
  const size = [Number(columns), Number(rows)]
  const at = size.map((each) => each / 2)
  const cross = document.createElement('div')
  cross.className = 'app-cross'
  cross.id = `cross-${number}`
  cross.tabIndex = 0
  cross.setAttribute('role', 'application')
  cross.setAttribute('aria-label', `Cross on ${what}`)
  cross.setAttribute('aria-describedby', 'cross-how')
  const lines = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  lines.setAttribute('class', 'app-cross__lines')
  lines.setAttribute('aria-hidden', 'true')
  const [level, upright] = [lineOf(lines), lineOf(lines)]
  cross.append(lines)
  view.querySelector('.app-view__frame').append(cross)

  const where = () => `column ${Math.round(at[0])} of ${columns}, row ${Math.round(at[1])} of ${rows}`
  const show = () => {
    const [x, y] = at.map((each, axis) => `${each / size[axis] * 100}%`)
    for (const [line, x1, x2, y1, y2] of [[level, '0', '100%', y, y], [upright, x, x, '0', '100%']]) {
      for (const [name, value] of Object.entries({ x1, x2, y1, y2 })) line.setAttribute(name, value)
    }
  }
  const put = () => {
    const form = newMark()
    if (!form) return
    form.elements.image.value = number
    form.elements.frame.value = view.dataset.frame
    form.elements.x.value = at[0].toFixed(2)
    form.elements.y.value = at[1].toFixed(2)
    form.dataset.touched = 'yes'
    form.dataset.then = cross.id
    document.querySelectorAll('.app-cross--put').forEach((each) => each.classList.remove('app-cross--put'))
    cross.classList.add('app-cross--put')
    const told = document.getElementById('new-where')
    told.hidden = false
    told.textContent = `On ${what}: ${where()}`
    const details = form.closest('details')
    if (details) details.open = true
    form.elements.finding.focus()
    say(`The cross is put on ${what}, ${where()}. Choose what you see and the level of concern.`)
  }
  cross.addEventListener('click', (event) => {
    const box = cross.getBoundingClientRect()
    at[0] = (event.clientX - box.left) / box.width * size[0]
    at[1] = (event.clientY - box.top) / box.height * size[1]
    at.forEach((each, axis) => { at[axis] = Math.min(Math.max(each, 0), size[axis]) })
    show()
    put()
  })
  cross.addEventListener('keydown', (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
    if (way) {
      const step = event.shiftKey ? 1 : Math.max(1, Math.round(size[0] / 50))
      at.forEach((each, axis) => { at[axis] = Math.min(Math.max(each + way[axis] * step, 0), size[axis]) })
      show()
      say(where())
    } else if (event.key === 'Enter' || event.key === ' ') put()
    else return
    event.preventDefault()
  })
  show()
  addEnlarge(view, what)
}

// To put a mark exactly on a phone, an image can be as wide as the page.
function addEnlarge (view, what) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'app-link'
  button.setAttribute('aria-pressed', 'false')
  button.setAttribute('aria-label', `Enlarge ${what}`)
  button.textContent = 'Enlarge'
  button.addEventListener('click', () => {
    button.setAttribute('aria-pressed', String(view.classList.toggle('app-view--large')))
  })
  view.querySelector('figcaption').append(button)
}

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
  startLooking()
  document.querySelectorAll('.app-view__picture').forEach(askAgain)
  if (newMark()) {
    prepareSheet()
    document.querySelectorAll('[data-view]').forEach(layCross)
  }
}
