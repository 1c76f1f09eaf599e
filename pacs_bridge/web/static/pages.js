// What pages do in the browser: the design system's own parts, the lock of a page left alone,
// and regions that look again by themselves. Nothing here counts as an action of the person.

import { initAll } from './vendor/nhsuk-frontend-10.6.1/nhsuk-frontend.min.js'

document.body.classList.add('js-enabled', 'nhsuk-frontend-supported')
initAll()

const here = () => window.location.pathname + window.location.search
const lock = document.body.dataset.idleSeconds
  ? (await import(`./lock.js${new URL(import.meta.url).search}`)).watchOver(document.body.dataset)
  : null
const isLocked = () => lock?.isLocked ?? false
const leave = () => lock?.look()

// A page that comes back from the browser's memory may belong to a session that has ended.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) window.location.reload()
})

// One button holds everything on a page that changes by itself.
let paused = false
const whenPaused = []
const controls = document.querySelector('[data-live-controls]')
if (controls) {
  const button = controls.querySelector('button')
  const said = controls.querySelector('[data-live-said]')
  const running = said.textContent
  controls.hidden = false
  button.addEventListener('click', () => {
    paused = !paused
    button.setAttribute('aria-pressed', String(paused))
    said.textContent = paused ? 'Updates are paused.' : running
    whenPaused.forEach((hear) => hear())
  })
}

const looks = []
for (const region of document.querySelectorAll('[data-refresh-url]')) {
  const every = Number(region.dataset.refreshSeconds) * 1000
  let timer = 0
  let busy = false
  let again = false
  const look = async () => {
    if (busy) {
      again = true
      return
    }
    busy = true
    window.clearTimeout(timer)
    if (!paused && !isLocked() && !document.hidden && !region.contains(document.activeElement)) {
      try {
        const answer = await fetch(region.dataset.refreshUrl)
        if (answer.status === 401) leave()
        const text = answer.ok ? await answer.text() : ''
        // What somebody has begun to use meanwhile must not be replaced.
        if (answer.ok && !paused && !region.contains(document.activeElement)) {
          show(region, text)
          if ('reloadWhenSettled' in region.dataset && region.querySelector('[data-settled="yes"]')) {
            const cases = document.getElementById('cases')
            if (cases) showSettled(cases)
            return
          }
        }
      } catch {
        // The next look may find the server again.
      }
    }
    busy = false
    timer = window.setTimeout(look, again ? 300 : every)
    again = false
  }
  looks.push(look)
  timer = window.setTimeout(look, every)
}

// What somebody had opened stays open.
function show (region, text) {
  const open = [...region.querySelectorAll('details[open][id]')].map((each) => each.id)
  region.innerHTML = text
  for (const id of open) {
    const details = document.getElementById(id)
    if (details) details.open = true
  }
}

for (const list of document.querySelectorAll('[data-stream-url]')) {
  const { streamUrl, streamMost } = list.dataset
  let after = list.dataset.streamAfter
  let source = null
  let soon = 0
  const add = (message) => {
    const { at, text } = JSON.parse(message.data)
    after = message.lastEventId
    const line = document.createElement('li')
    line.className = 'app-events__line'
    const time = document.createElement('span')
    time.className = 'app-quiet'
    time.textContent = at
    line.append(time, ` ${text}`)
    list.prepend(line)
    while (list.children.length > Number(streamMost)) list.lastElementChild.remove()
    if (!soon) {
      soon = window.setTimeout(() => {
        soon = 0
        looks.forEach((look) => look())
      }, 300)
    }
  }
  const follow = () => {
    const wanted = !paused && !isLocked() && !document.hidden
    if (wanted && (!source || source.readyState === EventSource.CLOSED)) {
      source = new EventSource(`${streamUrl}?after=${after}`)
      source.addEventListener('message', add)
    } else if (!wanted && source) {
      source.close()
      source = null
    }
  }
  whenPaused.push(follow)
  document.addEventListener('visibilitychange', follow)
  window.setInterval(follow, 10000) // the server had no place for one more, or was away
  follow()
}
for (const name of ['locked', 'unlocked']) document.addEventListener(name, () => whenPaused.forEach((hear) => hear()))
whenPaused.push(() => { if (!paused) looks.forEach((look) => look()) })

// The list of cases is older than the answer above it: offer the newer one, keep the place.
function showSettled (cases) {
  const line = document.createElement('p')
  const link = document.createElement('a')
  link.href = here()
  link.textContent = 'Show the new answers'
  line.append(link)
  cases.after(line)
}
