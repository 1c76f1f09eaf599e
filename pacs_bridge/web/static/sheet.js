// The sheet: marks are drawn on the images by mouse, touch or keyboard, kept in this window from
// the first stroke on, and sent when the reader saves them, starts the next one or goes on.

const beside = new URL(import.meta.url).search
const { NAMES, bendable, cornersOf, isWhole, middleOf, moved, onImage, scaled, turned, turnerOf, usual } =
  await import(`./sheet_shapes.js${beside}`)
const { hideMoved, isChanged, savedAfter, savedOn } = await import(`./sheet_saved.js${beside}`)
const { View, setLight } = await import(`./sheet_view.js${beside}`)
const { makeToken, read, write } = await import(`./outbox.js${beside}`)
const { paint, paintCross, svg } = await import(`./sheet_paint.js${beside}`)
const { Hand, REACH, TURNER } = await import(`./sheet_hand.js${beside}`)
const { layControls } = await import(`./sheet_controls.js${beside}`)

export class Sheet extends Hand {
  // outbox: where what is saved goes; say: tells the reader one sentence.
  constructor (root, outbox, say) {
    super()
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
        this.fill(this.draft)
      }
    }
    for (const button of document.querySelectorAll('[data-edit]')) button.hidden = false
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

  // Take up a mark that is saved, to be moved and reshaped; what is not finished stays.
  edit (saved) {
    if (!this.form) return false
    if (this.draft && !(this.isComplete && this.save())) {
      this.ask()
      return false
    }
    if (this.outbox.entries.some(({ mark }) => mark?.key === saved.key)) {
      this.say(`Mark ${saved.mark} is being saved; take it up again in a moment.`)
      return false
    }
    this.past.push(null)
    this.draft = saved
    this.fill(saved)
    this.show()
    this.say(`Mark ${saved.mark}, ${NAMES[saved.shape]} on ${this.viewOf(saved).what}: move or reshape it, then save it with Enter. Discard leaves it as it was.`)
    return true
  }

  fill ({ finding, rating }) {
    const details = this.form.closest('details')
    if (details) details.open = true
    this.form.elements.finding.value = finding ?? ''
    for (const each of this.form.elements.rating) each.checked = each.value === String(rating)
  }

  ask () {
    const what = this.draft.open ? 'close the outline (Enter)' : this.draft.finding ? 'choose the level of concern' : 'choose what you see'
    this.say(`The ${NAMES[this.draft.shape]} on ${this.viewOf(this.draft).what} is not finished: ${what}, or discard it.`)
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

  // Keeping ---------------------------------------------------------------------------------

  undo () {
    if (!this.past.length) return this.say('There is nothing to undo. A saved mark is taken back in the list of marks.')
    this.draft = this.past.pop()
    this.show()
    this.say('Undone.')
  }

  discard () {
    const { draft } = this
    if (!draft) return this.say('There is no mark to discard. A saved mark is taken back in the list of marks.')
    this.change(null)
    if (draft.key) this.clear()
    this.say(draft.key ? `Mark ${draft.mark} stays as it was saved.` : 'The mark is discarded; Undo brings it back.')
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
    if (draft.key && !isChanged(draft, view)) {
      this.draft = null
      this.past = []
      this.clear()
      this.show()
      this.say(`Mark ${draft.mark} is as it was; nothing is to be saved.`)
      return true
    }
    const body = new URLSearchParams(new FormData(form))
    const points = draft.points.map((p) => p.map((each) => each.toFixed(2)).join(',')).join(' ')
    const said = { image: draft.view, frame: draft.frame, shape: draft.shape, points, key: draft.key ?? '', token: makeToken() }
    for (const [name, value] of Object.entries(said)) body.set(name, value)
    const chosen = form.elements.finding.selectedOptions[0].textContent
    const words = `${view.what}, ${NAMES[draft.shape]}, ${chosen.toLowerCase()}, ${draft.rating}`
    this.draft = null
    this.past = []
    this.clear()
    this.show()
    view.cross.focus({ preventScroll: true })
    this.outbox.keep({ url: form.action, body: body.toString(), then: view.cross.id, case: this.case, mark: draft, words })
    return true
  }

  clear () {
    this.fill({ finding: '', rating: '' })
    delete this.form.dataset.touched
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
    const now = setLight(this.views, { brightness: light.brightness + brightness, contrast: light.contrast + contrast })
    this.tellLight?.(now)
    return now
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

  turn (view, degrees) {
    const { draft } = this
    if (draft?.shape !== 'ELLIPSE' || draft.view !== view.number) return this.say('Only an ellipse can be turned.')
    this.change({ ...draft, ...turned(draft, degrees * Math.PI / 180, view.size) })
    return this.say(`Turned by ${Math.abs(degrees)} degrees.`)
  }

  // Take up the next saved mark of a view.
  editNext (view) {
    const saved = savedAfter(view, this.draft?.key)
    if (!saved) return this.say(`There is no mark on ${view.what} that was drawn here.`)
    return this.edit(saved)
  }

  // Take up a saved mark by its key, from the list of marks.
  editBy (key) {
    const view = this.views.find((each) => savedOn(each).some((saved) => saved.key === key))
    if (!view || !this.edit(savedOn(view).find((saved) => saved.key === key))) return
    view.cross.focus()
    view.figure.scrollIntoView({ block: 'nearest' })
  }

  // Showing ---------------------------------------------------------------------------------

  show () {
    const { draft, form } = this
    const kept = this.outbox.entries.filter((each) => each.mark && each.case === this.case)
    for (const view of this.views) {
      view.shapes.replaceChildren()
      view.lines.replaceChildren()
      for (const { mark } of kept) if (this.viewOf(mark) === view && mark.frame === view.shown) paint(view, mark, 'kept', [], null)
      const here = draft?.view === view.number
      if (here) paint(view, draft, 'begun', [...cornersOf(draft), ...bendable(draft)], turnerOf(draft, TURNER * view.pixel, view.size))
      if ((!here || draft.open) && view.cross === document.activeElement) paintCross(view)
      view.cross.dataset.tool = this.tool
      view.cross.classList.toggle('app-cross--held', here || this.tool !== 'POINT')
    }
    hideMoved(this.views, new Set([draft?.key, ...kept.map(({ mark }) => mark.key)].filter(Boolean)))
    write(this.key, draft)
    if (!form) return
    const button = form.querySelector('[type="submit"]')
    const text = draft?.key ? 'Save the change' : 'Save this mark'
    if (button.textContent !== text) button.textContent = text // written anew under a hand that presses it, it is not pressed
    if (draft) form.dataset.touched = 'yes'
    const told = document.getElementById('new-where')
    told.hidden = !draft
    if (draft) {
      const [x, y] = middleOf(draft)
      const { size, what } = this.viewOf(draft)
      const name = `${NAMES[draft.shape][0].toUpperCase()}${NAMES[draft.shape].slice(1)}`
      told.textContent = `${draft.key ? `Mark ${draft.mark}, ${NAMES[draft.shape]}` : name} on ${what}: column ${Math.round(x)} of ${size[0]}, row ${Math.round(y)} of ${size[1]}`
    }
    this.tellTool?.()
  }
}
