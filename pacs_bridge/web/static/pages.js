// What pages do in the browser: the design system's own parts, a session's end said in time,
// and regions that look again by themselves. Nothing here counts as an action of the person.

import { initAll } from './vendor/nhsuk-frontend-10.6.1/nhsuk-frontend.min.js'

document.body.classList.add('js-enabled', 'nhsuk-frontend-supported')
initAll()

const { idleSeconds, leftUrl, signInUrl } = document.body.dataset
const here = () => window.location.pathname + window.location.search

function leave () {
  window.location.assign(`${signInUrl}?why=idle&next=${encodeURIComponent(here())}`)
}

// A page that comes back from the browser's memory may belong to a session that has ended.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) window.location.reload()
})

if (idleSeconds) {
  const warning = document.getElementById('idle')
  const warnAt = Math.min(60, Number(idleSeconds) / 2)
  const look = async () => {
    let left = 0
    try {
      left = (await (await fetch(leftUrl)).json()).seconds
    } catch {
      window.setTimeout(look, 5000)
      return
    }
    if (left <= 0) {
      leave()
      return
    }
    warning.hidden = left > warnAt
    window.setTimeout(look, (left > warnAt ? left - warnAt : left) * 1000 + 500)
  }
  window.setTimeout(look, (Number(idleSeconds) - warnAt) * 1000)
}

for (const region of document.querySelectorAll('[data-refresh-url]')) {
  const controls = document.querySelector(`[data-refresh-controls="${region.id}"]`)
  let paused = false
  if (controls) {
    const button = controls.querySelector('button')
    const said = controls.querySelector('[data-refresh-said]')
    const running = said.textContent
    controls.hidden = false
    button.addEventListener('click', () => {
      paused = !paused
      button.setAttribute('aria-pressed', String(paused))
      said.textContent = paused ? 'Updates are paused.' : running
    })
  }
  const look = async () => {
    if (!paused && !document.hidden && !region.contains(document.activeElement)) {
      try {
        const answer = await fetch(region.dataset.refreshUrl)
        if (answer.status === 401) {
          leave()
          return
        }
        if (answer.ok) {
          region.innerHTML = await answer.text()
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
    window.setTimeout(look, Number(region.dataset.refreshSeconds) * 1000)
  }
  window.setTimeout(look, Number(region.dataset.refreshSeconds) * 1000)
}

// The list of cases is older than the answer above it: offer the newer one, keep the place.
function showSettled (cases) {
  const line = document.createElement('p')
  const link = document.createElement('a')
  link.href = here()
  link.textContent = 'Show the new answers'
  line.append(link)
  cases.after(line)
}
