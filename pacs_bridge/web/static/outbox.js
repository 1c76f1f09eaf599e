// Answers on their way to us: kept in this window until we have said that they are safe, and
// sent again for as long as that takes. Each has a token, so that one sent twice is one answer.

const AGAIN = 4000
const LONGEST = 30000

export class Outbox {
  // who: whose answers these are; another person's in the same window are never sent.
  constructor (who, { answered, told, csrf }) {
    Object.assign(this, { key: `performs-kept-${who}`, answered, told, csrf })
    this.entries = read(this.key)
    this.busy = false
    this.why = ''
    window.addEventListener('online', () => this.flush())
    document.addEventListener('unlocked', () => this.flush())
  }

  keep (entry) {
    this.entries.push(entry)
    this.write()
    return this.flush()
  }

  write () {
    write(this.key, this.entries)
    this.told(this.entries, this.why)
  }

  async flush () {
    if (this.busy || !this.entries.length) return
    this.busy = true
    window.clearTimeout(this.timer)
    while (this.entries.length && await this.sendFirst()) this.write()
    this.busy = false
    this.write()
    if (this.entries.length) this.timer = window.setTimeout(() => this.flush(), AGAIN)
  }

  // Whether the first one is dealt with, and the next may go.
  async sendFirst () {
    const [entry] = this.entries
    const body = new URLSearchParams(entry.body)
    body.set('csrf_token', this.csrf())
    let answer, page
    try {
      answer = await fetch(entry.url, { method: 'POST', body, signal: AbortSignal.timeout(LONGEST) })
      page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    } catch {
      this.why = 'away'
      return false
    }
    const whole = page.querySelector('[data-live-url]') !== null
    if (!whole && answer.status !== 404) {
      this.why = answer.status >= 500 || answer.status === 429 ? 'away' : 'signed-out'
      return false
    }
    this.why = ''
    this.entries.shift()
    this.write()
    this.answered(entry, answer.status, page)
    return true
  }
}

// What a window keeps for one person; it goes with the window.
export function read (key) {
  try {
    return JSON.parse(window.sessionStorage.getItem(key)) ?? []
  } catch {
    return []
  }
}

export function write (key, value) {
  try {
    if (value === null || value.length === 0) window.sessionStorage.removeItem(key)
    else window.sessionStorage.setItem(key, JSON.stringify(value))
  } catch {
    // A browser that keeps nothing still holds it in the page.
  }
}

export function makeToken () {
  const bytes = window.crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (each) => each.toString(16).padStart(2, '0')).join('')
}
