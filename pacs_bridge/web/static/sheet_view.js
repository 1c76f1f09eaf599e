// One image of the sheet: zoom and pan, and where a place of the window lies in the image.

const { Fine } = await import(`./sheet_fine.js${new URL(import.meta.url).search}`)

const MOST_ZOOM = 12
const light = { brightness: 1, contrast: 1 }
const within = (value, least, most) => Math.min(Math.max(value, least), most)

export class View {
  constructor (figure) {
    const { columns, rows, view, frame, what, shown } = figure.dataset
    this.figure = figure
    this.size = [Number(columns), Number(rows)]
    this.number = view
    this.shown = frame
    this.what = what
    // Which way columns and rows grow as the image is shown: -1 where it is mirrored.
    this.ways = ['across', 'down'].map((name) => (shown.split(' ').includes(name) ? -1 : 1))
    this.sense = this.ways[0] * this.ways[1]
    this.frame = figure.querySelector('.app-view__frame')
    this.stage = figure.querySelector('.app-view__stage')
    this.picture = figure.querySelector('.app-view__picture')
    this.zoom = 1
    this.off = [0, 0] // what is hidden at the left and top, in widths and heights of the frame
    this.at = this.size.map((each) => each / 2)
    this.fine = new Fine(this)
    new ResizeObserver(() => this.fine.look(light)).observe(this.frame)
  }

  // Where a place of the window lies in the image, at whatever zoom.
  placeOf (clientX, clientY) {
    const box = this.stage.getBoundingClientRect()
    const there = [(clientX - box.left) / box.width, (clientY - box.top) / box.height]
    return this.turnedOver(there).map((each, axis) => each * this.size[axis])
  }

  // A place in shares of the image, for one in shares of what is shown, and the other way round.
  turnedOver (shares) {
    return shares.map((each, axis) => (this.ways[axis] < 0 ? 1 - each : each))
  }

  // How many pixels of the image one pixel of the window is.
  get pixel () {
    return this.size[0] / this.stage.getBoundingClientRect().width
  }

  // What of the image is in sight: its left, top, right and bottom in pixels of the image.
  seen () {
    const [left, top] = this.off.map((each) => each / this.zoom)
    const share = 1 / this.zoom
    const [[x1, y1], [x2, y2]] = [[left, top], [left + share, top + share]].map((each) => this.turnedOver(each))
    const [columns, rows] = this.size
    return [Math.min(x1, x2) * columns, Math.min(y1, y2) * rows, Math.max(x1, x2) * columns, Math.max(y1, y2) * rows]
  }

  // Zoom about a place of the window, else about the middle.
  zoomTo (zoom, clientX, clientY) {
    const box = this.frame.getBoundingClientRect()
    const about = clientX === undefined
      ? [0.5, 0.5]
      : [(clientX - box.left) / box.width, (clientY - box.top) / box.height]
    const next = within(zoom, 1, MOST_ZOOM)
    this.off = this.off.map((off, axis) => (off + about[axis]) / this.zoom * next - about[axis])
    this.zoom = next
    this.lay()
  }

  panBy (x, y) {
    const box = this.frame.getBoundingClientRect()
    this.off = [this.off[0] - x / box.width, this.off[1] - y / box.height]
    this.lay()
  }

  // Bring a place of the image into sight.
  reveal ([x, y]) {
    const there = this.turnedOver([x / this.size[0], y / this.size[1]]).map((each) => each * this.zoom)
    this.off = this.off.map((off, axis) => within(off, there[axis] - 0.9, there[axis] - 0.1))
    this.lay()
  }

  lay () {
    this.off = this.off.map((off) => within(off, 0, this.zoom - 1))
    const zoomed = this.zoom > 1
    this.figure.classList.toggle('app-view--zoomed', zoomed)
    this.frame.style.aspectRatio = zoomed ? `${this.size[0]} / ${this.size[1]}` : ''
    Object.assign(this.stage.style, zoomed
      ? { width: `${this.zoom * 100}%`, left: `${-this.off[0] * 100}%`, top: `${-this.off[1] * 100}%` }
      : { width: '', left: '', top: '' })
    this.fine.look(light)
  }
}

// Brightness and contrast of all images of the case: at once as far as a picture of 8 bits bears
// it, and in all its grey levels as soon as they are here.
export function setLight (views, changes) {
  light.brightness = within(changes.brightness ?? light.brightness, 0.3, 3)
  light.contrast = within(changes.contrast ?? light.contrast, 0.3, 4)
  const plain = light.brightness === 1 && light.contrast === 1
  const filter = plain ? '' : `brightness(${light.brightness}) contrast(${light.contrast})`
  for (const view of views) {
    view.picture.style.filter = filter
    view.fine.look(light)
  }
  return light
}
