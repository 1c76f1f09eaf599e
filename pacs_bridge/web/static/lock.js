// A page left alone locks: what is on it is taken out of the page, and put back as it was for
// whoever gives the password of the person whose page it is. The server counts; this only looks.

const EVERY = 5000 // while locked: another window may have been unlocked, or somebody signed in
const TELL = 20000 // at most so often it is told that somebody is doing something here

export function watchOver ({ idleSeconds, leftUrl, signInUrl, stayUrl, whose }) {
  const whole = Number(idleSeconds)
  const warnAt = Math.min(60, whole / 2)
  const [warning, panel, left] = ['idle', 'lock', 'left'].map((id) => document.getElementById(id))
  const form = document.getElementById('unlock')
  const state = { isLocked: false, look }
  let ends = Date.now() + whole * 1000
  let [told, timer, looking] = [Date.now(), 0, false]
  let kept = []
  let title = ''
  panel.remove()

  function leave () {
    const next = window.location.pathname + window.location.search
    window.location.assign(`${signInUrl}?why=idle&next=${encodeURIComponent(next)}`)
  }

  async function look () {
    if (looking) return
    looking = true
    window.clearTimeout(timer)
    let wait = EVERY
    try {
      const now = await (await fetch(leftUrl)).json()
      if (!now.signed_in || now.who !== whose || (now.seconds <= 0 && !now.locked)) return leave()
      ends = Date.now() + now.seconds * 1000
      if (now.seconds <= 0) close()
      else {
        open()
        wait = Math.max(now.seconds > warnAt ? now.seconds - warnAt : now.seconds, 0) * 1000 + 500
      }
    } catch {
      // Out of reach: it is locked here when its time is over, and asked again.
      if (Date.now() >= ends) close()
    } finally {
      looking = false
    }
    tell()
    timer = window.setTimeout(look, wait)
  }

  function close () {
    if (state.isLocked) return
    state.isLocked = true
    title = document.title
    document.title = 'Locked – PERFORMS'
    kept = [...document.body.childNodes]
    document.body.replaceChildren(panel)
    panel.hidden = false
    panel.querySelector('input[type="password"]').focus()
    document.dispatchEvent(new Event('locked'))
  }

  function open () {
    if (!state.isLocked) return
    state.isLocked = false
    document.title = title
    document.body.replaceChildren(...kept)
    kept = []
    document.dispatchEvent(new Event('unlocked'))
  }

  function tell () {
    const seconds = Math.max(0, Math.round((ends - Date.now()) / 1000))
    warning.hidden = seconds > warnAt
    left.hidden = false
    left.querySelector('strong').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const said = document.getElementById('lock-said')
    const password = form.elements.password
    try {
      const body = new URLSearchParams(new FormData(form))
      const answer = await fetch(form.action, { method: 'POST', body, headers: { Accept: 'application/json' } })
      password.value = ''
      if (answer.ok) {
        said.textContent = ''
        return look()
      }
      if (answer.status === 401) return leave()
      said.textContent = answer.status === 429
        ? 'That was too many tries. Wait five minutes.'
        : (await answer.json()).said
    } catch {
      said.textContent = 'We cannot be reached. Try again.'
    }
    password.focus()
  })

  // Whoever draws or types asks for nothing meanwhile, and is there all the same.
  async function hear (event) {
    if (!event.isTrusted || state.isLocked || Date.now() < told + Math.min(TELL, whole * 100)) return
    told = Date.now()
    const body = new URLSearchParams({ csrf_token: document.querySelector('input[name="csrf_token"]').value })
    try {
      const answer = await fetch(stayUrl, { method: 'POST', body, redirect: 'error' })
      if (answer.ok) ends = Date.now() + (await answer.json()).seconds * 1000
      else look()
      tell()
    } catch {
      look()
    }
  }
  for (const name of ['pointerdown', 'keydown', 'input', 'wheel']) document.addEventListener(name, hear, { passive: true })
  warning.querySelector('[data-stay]').addEventListener('click', (event) => {
    event.preventDefault()
    told = 0
    hear(event)
  })
  document.addEventListener('signed-out', look)
  window.setInterval(() => { if (!state.isLocked) tell() }, 1000)
  timer = window.setTimeout(look, (whole - warnAt) * 1000)
  return state
}
