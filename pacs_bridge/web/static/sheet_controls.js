// The sheet's buttons and keys. Keys speak only while an image is chosen, so that nothing typed
// elsewhere draws.

const TOOL_OF = { p: 'POINT', c: 'CIRCLE', e: 'ELLIPSE', o: 'POLYGON', h: 'HAND' }
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

export function layControls (sheet) {
  const bar = document.getElementById('tools')
  if (bar) {
    bar.hidden = false
    layTools(sheet, bar)
    layLight(sheet, bar)
  }
  for (const view of sheet.views) {
    view.cross.addEventListener('keydown', (event) => {
      if (press(sheet, view, event)) event.preventDefault()
    })
    view.cross.addEventListener('wheel', (event) => {
      if (!event.ctrlKey && view.zoom === 1) return // the page scrolls; with Ctrl, or zoomed, the image does
      event.preventDefault()
      view.zoomTo(view.zoom * (event.deltaY < 0 ? 1.25 : 0.8), event.clientX, event.clientY)
    }, { passive: false })
    addEnlarge(view)
  }
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-edit]')
    if (button) sheet.editBy(button.dataset.edit)
  })
}

function layTools (sheet, bar) {
  const tools = bar.querySelectorAll('[data-tool]')
  tools.forEach((button) => button.addEventListener('click', () => sheet.choose(button.dataset.tool)))
  sheet.tellTool = () => tools.forEach((button) => {
    button.setAttribute('aria-pressed', String(button.dataset.tool === sheet.tool))
  })
  const zoom = (by) => () => {
    const view = sheet.active
    view.zoomTo(by ? view.zoom * by : 1)
    sheet.say(`${view.what}: ${view.zoom === 1 ? 'the whole image' : `${Math.round(view.zoom * 10) / 10} times as large`}.`)
  }
  const acts = {
    undo: () => sheet.undo(),
    discard: () => sheet.discard(),
    larger: zoom(1.5),
    smaller: zoom(1 / 1.5),
    whole: zoom(0)
  }
  for (const [name, act] of Object.entries(acts)) {
    bar.querySelector(`[data-act="${name}"]`).addEventListener('click', act)
  }
}

function layLight (sheet, bar) {
  const [brightness, contrast] = ['brightness', 'contrast'].map((name) => bar.querySelector(`[name="${name}"]`))
  sheet.tellLight = (light) => {
    brightness.value = light.brightness
    contrast.value = light.contrast
  }
  const change = () => sheet.lightTo(Number(brightness.value), Number(contrast.value))
  brightness.addEventListener('input', change)
  contrast.addEventListener('input', change)
  bar.querySelector('[data-act="plain"]').addEventListener('click', () => sheet.tellLight(sheet.lightTo(1, 1)))
}

// Whether a key meant something here.
function press (sheet, view, event) {
  const { key } = event
  if (event.altKey || event.metaKey || (event.ctrlKey && key !== 'z')) return false
  if (WAYS[key]) return step(sheet, view, WAYS[key], event.shiftKey ? 1 : Math.max(1, Math.round(view.size[0] / 50)))
  if (TOOL_OF[key.toLowerCase()]) return done(sheet.choose(TOOL_OF[key.toLowerCase()]))
  if (/^[1-5]$/.test(key)) return rate(sheet, key)
  const acts = {
    Enter: () => sheet.enter(view),
    ' ': () => sheet.enter(view),
    z: () => sheet.undo(),
    Delete: () => sheet.discard(),
    Backspace: () => sheet.discard(),
    m: () => sheet.editNext(view),
    b: () => light(sheet, 0.1, 0),
    d: () => light(sheet, -0.1, 0),
    k: () => light(sheet, 0, 0.1),
    l: () => light(sheet, 0, -0.1),
    i: () => light(sheet),
    ',': () => sheet.turn(view, -5 * view.sense),
    '.': () => sheet.turn(view, 5 * view.sense),
    '<': () => sheet.turn(view, -view.sense),
    '>': () => sheet.turn(view, view.sense),
    '[': () => sheet.resize(view, [1 / 1.15, 1 / 1.15]),
    ']': () => sheet.resize(view, [1.15, 1.15]),
    '{': () => sheet.resize(view, [1, 1 / 1.15]),
    '}': () => sheet.resize(view, [1, 1.15]),
    '+': () => view.zoomTo(view.zoom * 1.5),
    '=': () => view.zoomTo(view.zoom * 1.5),
    '-': () => view.zoomTo(view.zoom / 1.5),
    0: () => view.zoomTo(1),
    PageDown: () => document.querySelector('[data-go="next"]')?.click(),
    PageUp: () => document.querySelector('[data-go="before"]')?.click()
  }
  if (!acts[key]) return false
  acts[key]()
  return true
}

// Brighter, darker, more or less contrast; without a number as it was.
function light (sheet, brightness, contrast) {
  const now = brightness === undefined ? sheet.lightTo(1, 1) : sheet.lighten(brightness, contrast)
  sheet.tellLight?.(now)
  const [b, c] = [now.brightness, now.contrast].map((each) => Math.round(each * 100) / 100)
  sheet.say(`Brightness ${b}. Contrast ${c}.`)
}

const done = () => true

function step (sheet, view, way, by) {
  const shift = way.map((each, axis) => each * by * view.ways[axis])
  const at = sheet.step(view, shift)
  if (view.zoom > 1) view.reveal(at)
  sheet.say(`${view.what}: column ${Math.round(at[0])} of ${view.size[0]}, row ${Math.round(at[1])} of ${view.size[1]}`)
  return true
}

function rate (sheet, key) {
  if (!sheet.form) return false
  sheet.form.elements.rating.value = key
  sheet.form.dataset.touched = 'yes'
  sheet.hear()
  sheet.say(`Level of concern ${key}.`)
  return true
}

// To draw exactly on a phone, an image can be as wide as the page.
function addEnlarge (view) {
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'app-link'
  button.setAttribute('aria-pressed', 'false')
  button.setAttribute('aria-label', `Enlarge ${view.what}`)
  button.textContent = 'Enlarge'
  button.addEventListener('click', () => {
    button.setAttribute('aria-pressed', String(view.figure.classList.toggle('app-view--large')))
  })
  view.figure.querySelector('figcaption').append(button)
}
