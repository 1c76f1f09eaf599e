// What is seen of an image, at the fineness of the screen and in all its grey levels: fetched for
// the part that is in sight once the picture is too coarse for it, or is looked at in another light.

const MOST = 1500000 // pixels of one part
const SETTLED = 120 // milliseconds without another movement
const AGAIN = 1500
const TRIES = 8
const FINER = 0.9 // of a pixel of the picture: finer than this, it is too coarse

export class Fine {
  constructor (view) {
    this.view = view
    this.canvas = document.createElement('canvas')
    this.canvas.className = 'app-view__fine'
    this.canvas.hidden = true
    view.picture.after(this.canvas)
    this.address = `${view.picture.src.replace(/\.png.*$/, '')}/part`
    this.light = { brightness: 1, contrast: 1 }
    this.part = null
  }

  // What is seen has changed, or may have.
  look (light) {
    this.light = light
    window.clearTimeout(this.timer)
    if (this.part) this.paint()
    if (this.isEnough()) return
    this.timer = window.setTimeout(() => this.fetch(0), SETTLED)
  }

  get isPlain () { return this.light.brightness === 1 && this.light.contrast === 1 }

  // How many pixels of the image one of the screen's is, at this zoom.
  get step () { return this.view.pixel / (window.devicePixelRatio || 1) }

  isEnough () {
    const { view } = this
    const { naturalHeight } = view.picture
    if (this.isPlain && this.step >= FINER * view.size[1] / (naturalHeight || view.size[1])) return true
    if (!this.part) return false
    const [left, top, right, bottom] = view.seen()
    const { x, y, columns, rows, by } = this.part
    const inside = x <= left && y <= top && x + (columns << by) >= right && y + (rows << by) >= bottom
    return inside && by <= this.wanted([left, top, right, bottom]).by
  }

  wanted ([left, top, right, bottom]) {
    const [columns, rows] = [right - left, bottom - top].map((each) => Math.max(1, Math.round(each)))
    let by = Math.max(0, Math.floor(Math.log2(Math.max(this.step, 1))))
    while ((columns * rows) >> (2 * by) > MOST) by += 1
    return { x: Math.round(left), y: Math.round(top), columns, rows, by }
  }

  // A little more than is seen, so that small movements need nothing new.
  async fetch (tries) {
    const [left, top, right, bottom] = this.view.seen()
    const [wide, high] = [(right - left) / 8, (bottom - top) / 8]
    const [most, lowest] = this.view.size
    const asked = this.wanted([
      Math.max(0, left - wide), Math.max(0, top - high), Math.min(most, right + wide), Math.min(lowest, bottom + high)
    ])
    this.under?.abort()
    const under = this.under = new AbortController()
    try {
      const answer = await fetch(`${this.address}?${new URLSearchParams(asked)}`, { signal: under.signal })
      if (answer.status === 429 || answer.status === 503) throw new Error('crowded')
      if (!answer.ok) return // it stays as coarse as it is
      this.part = taken(await answer.arrayBuffer())
      this.paint()
      if (!this.isEnough()) this.look(this.light)
    } catch (why) {
      if (why.name !== 'AbortError' && tries < TRIES) {
        this.timer = window.setTimeout(() => this.fetch(tries + 1), AGAIN)
      }
    }
  }

  paint () {
    const { canvas, part, view } = this
    const { x, y, columns, rows, by, levels } = part
    const coarse = this.isPlain && this.step >= FINER * view.size[1] / (view.picture.naturalHeight || view.size[1])
    canvas.hidden = coarse
    if (coarse) return
    const greys = this.greys()
    canvas.width = columns
    canvas.height = rows
    const context = canvas.getContext('2d')
    const image = context.createImageData(columns, rows)
    const pixels = new Uint32Array(image.data.buffer)
    for (let i = 0; i < pixels.length; i++) pixels[i] = greys[levels[i]]
    context.putImageData(image, 0, 0)
    const shares = [[x, columns], [y, rows]].map(([from, count], axis) => [from, count << by].map((each) => each / view.size[axis] * 100))
    const [[left, width], [top, height]] = shares
    const [across, down] = view.ways
    Object.assign(canvas.style, {
      left: `${across < 0 ? 100 - left - width : left}%`,
      top: `${down < 0 ? 100 - top - height : top}%`,
      width: `${width}%`,
      height: `${height}%`
    })
  }

  // The colour of each level: the image's own look, drawn out or pressed together about its middle.
  greys () {
    const { look, low, high, slope } = this.part
    const { brightness, contrast } = this.light
    const [middle, shift] = [(low + high) / 2, (brightness - 1) * (high - low) / 2]
    const most = look.length - 1
    return Uint32Array.from(look, (_, level) => {
      const at = middle + (level - middle) * contrast + shift
      const end = Math.min(Math.max(at, 1), most)
      const [under, over] = [look[Math.floor(end)], look[Math.ceil(end)]]
      const shown = under + (over - under) * (end % 1) + (at - end) * slope // it goes on where the image has no level
      const grey = level === 0 ? 0 : Math.min(Math.max(Math.round(shown), 0), 255)
      return (255 << 24 | grey << 16 | grey << 8 | grey) >>> 0
    })
  }
}

// A part as it comes: a line of JSON, the grey of every level, the levels of the part.
function taken (bytes) {
  const all = new Uint8Array(bytes)
  const end = all.indexOf(10)
  const part = JSON.parse(new TextDecoder().decode(all.subarray(0, end)))
  const look = all.slice(end + 1, end + 1 + part.levels)
  const levels = new Uint16Array(bytes.slice(end + 1 + part.levels))
  const most = look.length - 1
  const slope = Math.max((look[most] - look[1]) / Math.max(most - 1, 1), 0.001)
  const white = look.findIndex((grey) => grey === 255)
  return {
    ...part,
    look,
    levels,
    slope,
    low: look[1] > 0 ? 1 - look[1] / slope : look.findIndex((grey, level) => level > 0 && grey > 0) - 1,
    high: white < 0 ? most + (255 - look[most]) / slope : white
  }
}
