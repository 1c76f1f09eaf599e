// What the hand does on an image of the sheet: draw, move, stretch, bend and turn what is drawn,
// and move, zoom and light the image itself. The sheet (sheet.js) keeps what comes of it.

const beside = new URL(import.meta.url).search
const { bendable, circle, cornersOf, ellipse, holds, isWhole, middleOf, moved, onImage, outline, stretched, turned, turnerOf, usual } =
  await import(`./sheet_shapes.js${beside}`)
const { savedAt } = await import(`./sheet_saved.js${beside}`)

const SLIP = 4 // pixels of the window: less is a click
export const REACH = 14 // pixels of the window: so close to a handle is on it
export const TURNER = 26 // pixels of the window: so far beyond an ellipse it is held to be turned

export class Hand {
  press (view, event) {
    view.cross.focus({ preventScroll: true })
    this.pointers.set(event.pointerId, event)
    if (this.pointers.size === 2) {
      this.drag = { how: 'pinch', view, zoom: view.zoom, apart: this.apart() }
      return this.show()
    }
    const at = view.placeOf(event.clientX, event.clientY)
    const begun = { view, at, last: at, from: event, before: this.draft, trail: [at], far: false }
    if (event.button === 2) this.drag = { ...begun, how: 'light' }
    else if (event.button === 1) this.drag = { ...begun, how: 'pan' }
    else if (event.button === 0) this.drag = this.takes(view, at, begun)
    if (!this.drag) return
    view.cross.setPointerCapture(event.pointerId)
    if (event.button === 1) event.preventDefault()
  }

  takes (view, at, begun) {
    const { draft } = this
    const near = (each) => Math.hypot(each[0] - at[0], each[1] - at[1]) <= REACH * view.pixel
    if (draft && !draft.open && draft.view === view.number) {
      const turner = turnerOf(draft, TURNER * view.pixel, view.size)
      if (turner && near(turner)) return { ...begun, how: 'turn' }
      const bent = bendable(draft).findIndex(near)
      if (bent >= 0) return { ...begun, how: 'bend', bent }
      const corner = cornersOf(draft).findIndex(near)
      if (corner >= 0) return { ...begun, how: 'scale', corner }
      if (holds(draft, at, REACH * view.pixel)) return { ...begun, how: 'move' }
    }
    if (this.tool === 'HAND') return this.lifts(view, at, begun)
    if (!this.mayBegin(view)) return null
    return { ...begun, before: this.draft, how: 'draw' }
  }

  // A saved mark, where one lies under the hand; else the image.
  lifts (view, at, begun) {
    const saved = savedAt(view, at, REACH * view.pixel)
    if (!saved) return { ...begun, how: 'pan' }
    return this.edit(saved) ? { ...begun, before: this.draft, how: 'move' } : null
  }

  pull (view, event) {
    if (!this.pointers.has(event.pointerId) || !this.drag) return
    const before = this.pointers.get(event.pointerId)
    this.pointers.set(event.pointerId, event)
    const { drag } = this
    if (drag.how === 'pinch') return view.zoomTo(drag.zoom * this.apart() / drag.apart, ...this.between())
    const [x, y] = [event.clientX - before.clientX, event.clientY - before.clientY]
    if (drag.how === 'pan') return view.panBy(x, y)
    if (drag.how === 'light') return this.lighten(-y / 200, x / 200)
    drag.far ||= Math.hypot(event.clientX - drag.from.clientX, event.clientY - drag.from.clientY) >= SLIP
    drag.last = onImage(view.placeOf(event.clientX, event.clientY), view.size)
    drag.trail.push(drag.last)
    if (drag.far) this.preview(drag)
  }

  preview (drag) {
    const { view, at, last, before } = drag
    const { size } = view
    const by = last.map((each, axis) => each - at[axis])
    if (drag.how === 'move') this.draft = { ...before, ...moved(before, by, size) }
    else if (drag.how === 'scale') this.draft = { ...before, ...stretched(before, drag.corner, last, size) }
    else if (drag.how === 'bend') this.draft = { ...before, points: before.points.map((p, i) => (i === drag.bent ? last : p)) }
    else if (drag.how === 'turn') this.draft = { ...before, ...turned(before, this.turnOf(before, at, last), size) }
    else this.draft = { ...(before ?? {}), view: view.number, drawn: true, ...this.sketch(drag) }
    this.show()
  }

  sketch ({ view, at, last, trail, before }) {
    const radius = Math.hypot(last[0] - at[0], last[1] - at[1])
    if (this.tool === 'CIRCLE') return circle(at, radius, view.size)
    if (this.tool === 'ELLIPSE') return ellipse(at, last, view.size)
    if (this.tool === 'POINT') return { shape: 'POINT', points: [last] }
    return { shape: 'POLYGON', points: before?.open ? [...before.points, last] : trail, open: true }
  }

  // How far round its middle the hand went.
  turnOf (drawn, from, to) {
    const [x, y] = middleOf(drawn)
    const [before, after] = [from, to].map((p) => Math.atan2(p[1] - y, p[0] - x))
    return after - before
  }

  release (view, event) {
    this.pointers.delete(event.pointerId)
    const { drag } = this
    this.drag = null
    if (!drag || ['pan', 'light', 'pinch'].includes(drag.how)) return this.show()
    const changed = this.draft
    this.draft = drag.before
    if (drag.how !== 'draw') {
      if (drag.far && isWhole(changed)) this.change(changed)
      return this.show()
    }
    view.at = onImage(view.placeOf(event.clientX, event.clientY), view.size)
    if (this.tool === 'POLYGON') this.trace(view, drag)
    else if (this.tool === 'POINT' || !drag.far) this.set(view, usual(this.tool, view.at, view.size))
    else this.set(view, { shape: changed.shape, points: changed.points })
    this.tellSet()
  }

  trace (view, { far, trail, before }) {
    const drawn = outline(trail, view.pixel / 2)
    if (far && !before?.open && isWhole(drawn)) return this.set(view, drawn)
    this.addCorner(view, view.at)
  }

  cancel (view, event) {
    this.pointers.delete(event.pointerId)
    if (this.drag && 'before' in this.drag) this.draft = this.drag.before
    this.drag = null
    this.show()
  }

  apart () {
    const [a, b] = [...this.pointers.values()]
    return b ? Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) : 1
  }

  between () {
    const [a, b] = [...this.pointers.values()]
    return b ? [(a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2] : [a.clientX, a.clientY]
  }
}
