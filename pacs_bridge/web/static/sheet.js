// The sheet: marks are drawn on the images by mouse, touch or keyboard, kept in this window from
// the first stroke on, and sent when the reader saves them, starts the next one or goes on.

const beside = new URL(import.meta.url).search
const { NAMES, boxOf, circle, ellipse, holds, isWhole, middleOf, moved, onImage, outline, scaled, usual } =
  await import(`./sheet_shapes.js${beside}`)
const { View, setLight } = await import(`./sheet_view.js${beside}`)
const { makeToken, read, write } = await import(`./outbox.js${beside}`)
const { paint, paintCross, svg } = await import(`./sheet_paint.js${beside}`)
const { layControls } = await import(`./sheet_controls.js${beside}`)

const SLIP = 4 // pixels of the window: less is a click
const REACH = 14 // pixels of the window: so close to a handle is on it

export class Sheet {
  // outbox: where what is saved goes; say: tells the reader one sentence.
  constructor (root, outbox, say) {
    Object.assign(this, { outbox, say, tool: 'POINT', draft: null, past: [], drag: null, pointers: new Map() })
    this.key = `performs-begun-${root.dataset.who}-${root.dataset.case}`
    this.case = root.dataset.case
    this.views = [...document.querySelectorAll('[data-view]')].map((figure) => this.lay(new View(figure)))
    this.active = this.views[0]
    const kept = read(this.key)
    if (kept.drawn && this.viewOf(kept)) {
      this.draft = kept
      this.say(`The mark that you began on ${this.viewOf(kept).what} is still here: finish or discard it.`)
    }
    layControls(this)
    this.prepare()
  }

  get form () { return document.getElementById('new-mark') }
  viewOf (draft) { return this.views.find((view) => view.number === draft.view) }
  get isComplete () { return Boolean(this.draft && !this.draft.open && this.draft.finding && this.draft.rating) }

  lay (view) {
    const cross = document.createElement('div')
    cross.className = 'app-cross'
    cross.id = `cross-${view.number}`
    cross.tabIndex = 0
    cross.setAttribute('role', 'application')
    cross.setAttribute('aria-label', `Draw on ${view.what}`)
    cross.setAttribute('aria-describedby', 'cross-how')
    const [shapes, lines] = [svg('svg', 'app-sheet__shapes'), svg('svg', 'app-sheet__lines')]
    shapes.setAttribute('viewBox', `0 0 ${view.size.join(' ')}`)
    for (const layer of [shapes, lines]) layer.setAttribute('aria-hidden', 'true')
    view.stage.append(shapes, lines)
    view.frame.append(cross)
    Object.assign(view, { cross, shapes, lines })
    const hear = { pointerdown: this.press, pointermove: this.pull, pointerup: this.release, pointercancel: this.cancel, dblclick: this.close }
    for (const [name, act] of Object.entries(hear)) cross.addEventListener(name, (event) => act.call(this, view, event))
    cross.addEventListener('focus', () => { this.active = view; this.show() })
    cross.addEventListener('blur', () => this.show())
    cross.addEventListener('contextmenu', (event) => event.preventDefault())
    return view
  }

  // Fill a form that was given anew with what is drawn.
  prepare () {
    const form = this.form
    if (!form) return
    if (!form.dataset.prepared) {
      form.dataset.prepared = 'yes'
      form.querySelector('[data-typed]').hidden = true
      form.addEventListener('input', () => this.hear())
      if (this.draft) {
        const details = form.closest('details')
        if (details) details.open = true
        form.elements.finding.value = this.draft.finding ?? ''
        if (this.draft.rating) form.elements.rating.value = this.draft.rating
      }
    }
    this.show()
  }

  hear () {
    if (!this.draft) return
    this.draft.finding = this.form.elements.finding.value
    this.draft.rating = this.form.elements.rating.value
    this.show()
  }

  // Drawing ---------------------------------------------------------------------------------

  change (draft) {
    this.past.push(this.draft)
    this.draft = draft
    this.show()
  }

  set (view, drawn) {
    const { finding = this.form?.elements.finding.value, rating = this.form?.elements.rating.value } = this.draft ?? {}
    this.change({ view: view.number, frame: view.shown, open: false, ...drawn, drawn: true, finding, rating })
  }

  // Whether another mark may be begun here: what is not finished is never thrown away.
  mayBegin (view) {
    if (!this.form) return false
    if (!this.draft || (this.draft.open && this.draft.view === view.number && this.tool === 'POLYGON')) return true
    if (this.isComplete) {
      this.save()
      return true
    }
    this.ask()
    return false
  }

  ask () {
    const what = this.draft.open ? 'close the outline (Enter)' : this.draft.finding ? 'choose the level of concern' : 'choose what you see'
    this.say(`The ${NAMES[this.draft.shape]} on ${this.viewOf(this.draft).what} is not finished: ${what}, or discard it.`)
  }

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
    else if (event.button === 1 || this.tool === 'HAND') this.drag = { ...begun, how: 'pan' }
    else if (event.button === 0) this.drag = this.takes(view, at, begun)
    if (!this.drag) return
    view.cross.setPointerCapture(event.pointerId)
    if (event.button === 1) event.preventDefault()
  }

  takes (view, at, begun) {
    const { draft } = this
    if (draft && !draft.open && draft.view === view.number) {
      const corner = this.corners(draft).findIndex((each) => Math.hypot(each[0] - at[0], each[1] - at[1]) <= REACH * view.pixel)
      if (corner >= 0) return { ...begun, how: 'scale', corner }
      if (holds(draft, at, REACH * view.pixel)) return { ...begun, how: 'move' }
    }
    if (!this.mayBegin(view)) return null
    return { ...begun, before: this.draft, how: 'draw' }
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
    else if (drag.how === 'scale') this.draft = { ...before, ...this.stretched(before, drag.corner, last, size) }
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

  stretched (before, corner, there, size) {
    const corners = this.corners(before)
    const about = before.shape === 'CIRCLE' ? before.points[0] : corners[(corner + 2) % 4]
    const from = corners[corner].map((each, axis) => each - about[axis])
    const to = there.map((each, axis) => each - about[axis])
    const whole = Math.hypot(...to) / Math.max(Math.hypot(...from), 0.01)
    const factors = before.shape === 'CIRCLE' ? [whole, whole] : to.map((each, axis) => each / (from[axis] || 1))
    if (Math.min(...factors) <= 0.02) return {}
    return scaled(before, factors, about, size)
  }

  release (view, event) {
    this.pointers.delete(event.pointerId)
    const { drag } = this
    this.drag = null
    if (!drag || ['pan', 'light', 'pinch'].includes(drag.how)) return this.show()
    const changed = this.draft
    this.draft = drag.before
    if (drag.how !== 'draw') {
      if (drag.far) this.change(changed)
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

  addCorner (view, at) {
    const points = this.draft?.open ? this.draft.points : []
    const [first, last] = [points[0], points[points.length - 1]]
    const on = (p) => p && Math.hypot(p[0] - at[0], p[1] - at[1]) <= REACH * view.pixel
    if (points.length >= 3 && on(first)) return this.closeOutline(view)
    if (last && last[0] === at[0] && last[1] === at[1]) return this.closeOutline(view)
    this.set(view, { shape: 'POLYGON', points: [...points, at], open: true })
  }

  close (view, event) {
    event.preventDefault()
    if (this.draft?.open) this.closeOutline(view)
  }

  closeOutline (view) {
    const points = this.draft.points.filter((p, i, all) => i === 0 || p[0] !== all[i - 1][0] || p[1] !== all[i - 1][1])
    if (!isWhole({ shape: 'POLYGON', points })) return this.say('An outline needs three corners and an area; set another corner.')
    this.set(view, { shape: 'POLYGON', points })
    this.tellSet()
  }

  tellSet () {
    const { draft } = this
    if (!draft) return
    const what = this.viewOf(draft).what
    if (draft.open) {
      this.say(`Corner ${draft.points.length} of the outline on ${what}. Enter, or a click on the first corner, closes it.`)
    } else if (this.isComplete) this.say(`The ${NAMES[draft.shape]} is set on ${what}. Save it with Enter.`)
    else this.say(`The ${NAMES[draft.shape]} is set on ${what}. Choose what you see and the level of concern.`)
    const details = this.form?.closest('details')
    if (details) details.open = true
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

  // Keeping ---------------------------------------------------------------------------------

  undo () {
    if (!this.past.length) return this.say('There is nothing to undo. A saved mark is taken back in the list of marks.')
    this.draft = this.past.pop()
    this.show()
    this.say('Undone.')
  }

  discard () {
    if (!this.draft) return this.say('There is no mark to discard. A saved mark is taken back in the list of marks.')
    this.change(null)
    this.say('The mark is discarded; Undo brings it back.')
  }

  // Send what is drawn, or say what it lacks; gives whether it is on its way.
  save () {
    if (!this.form) return false
    if (!this.draft) {
      this.say('Draw the mark on an image first.')
      return false
    }
    if (!this.isComplete) {
      this.ask()
      const { finding, rating } = this.form.elements
      if (!this.draft.open) (this.draft.finding ? rating[0] : finding).focus()
      return false
    }
    const { draft, form } = this
    const view = this.viewOf(draft)
    const body = new URLSearchParams(new FormData(form))
    const points = draft.points.map((p) => p.map((each) => each.toFixed(2)).join(',')).join(' ')
    const said = { image: draft.view, frame: draft.frame, shape: draft.shape, points, token: makeToken() }
    for (const [name, value] of Object.entries(said)) body.set(name, value)
    const chosen = form.elements.finding.selectedOptions[0].textContent
    const words = `${view.what}, ${NAMES[draft.shape]}, ${chosen.toLowerCase()}, ${draft.rating}`
    this.draft = null
    this.past = []
    form.elements.finding.value = ''
    for (const each of form.elements.rating) each.checked = false
    delete form.dataset.touched
    this.show()
    view.cross.focus({ preventScroll: true })
    this.outbox.keep({ url: form.action, body: body.toString(), then: view.cross.id, case: this.case, mark: draft, words })
    return true
  }

  // A mark that could not be taken is drawn again, to be mended.
  giveBack (draft) {
    if (this.draft) return
    this.draft = draft
    if (this.form) delete this.form.dataset.prepared
    this.prepare()
  }

  lighten (brightness, contrast) {
    const light = setLight(this.views, {})
    this.tellLight(setLight(this.views, { brightness: light.brightness + brightness, contrast: light.contrast + contrast }))
  }

  lightTo (brightness, contrast) {
    return setLight(this.views, { brightness, contrast })
  }

  choose (tool) {
    this.tool = tool
    this.show()
  }

  // By keyboard -----------------------------------------------------------------------------

  enter (view) {
    const { draft } = this
    if (draft && !(draft.open && draft.view === view.number)) return this.save()
    if (this.tool === 'HAND' || !this.form) return this.say('Choose what to draw first: point, circle, ellipse or outline.')
    if (draft || this.tool === 'POLYGON') this.addCorner(view, [...view.at])
    else this.set(view, usual(this.tool, view.at, view.size))
    return this.tellSet()
  }

  // Move the mark that is being drawn, else the cross; gives where that is now.
  step (view, shift) {
    const { draft } = this
    if (draft && !draft.open && draft.view === view.number) {
      this.change({ ...draft, ...moved(draft, shift, view.size) })
      return middleOf(this.draft)
    }
    view.at = onImage(view.at.map((each, axis) => each + shift[axis]), view.size)
    this.show()
    return view.at
  }

  resize (view, factors) {
    const { draft } = this
    if (draft && !draft.open && draft.view === view.number) {
      this.change({ ...draft, ...scaled(draft, factors, middleOf(draft), view.size) })
    }
  }

  // Showing ---------------------------------------------------------------------------------

  corners (draft) {
    if (draft.shape === 'POINT' || draft.open) return []
    const [left, top, right, bottom] = boxOf(draft)
    return [[left, top], [right, top], [right, bottom], [left, bottom]]
  }

  show () {
    const { draft, form } = this
    const kept = this.outbox.entries.filter((each) => each.mark && each.case === this.case)
    for (const view of this.views) {
      view.shapes.replaceChildren()
      view.lines.replaceChildren()
      for (const { mark } of kept) if (this.viewOf(mark) === view && mark.frame === view.shown) paint(view, mark, 'kept', [])
      const here = draft?.view === view.number
      if (here) paint(view, draft, 'begun', this.corners(draft))
      if ((!here || draft.open) && view.cross === document.activeElement) paintCross(view)
      view.cross.dataset.tool = this.tool
      view.cross.classList.toggle('app-cross--held', here || this.tool !== 'POINT')
    }
    write(this.key, draft)
    if (!form) return
    if (draft) form.dataset.touched = 'yes'
    const told = document.getElementById('new-where')
    told.hidden = !draft
    if (draft) {
      const [x, y] = middleOf(draft)
      const { size, what } = this.viewOf(draft)
      told.textContent = `${NAMES[draft.shape][0].toUpperCase()}${NAMES[draft.shape].slice(1)} on ${what}: column ${Math.round(x)} of ${size[0]}, row ${Math.round(y)} of ${size[1]}`
    }
    this.tellTool?.()
  }
}
