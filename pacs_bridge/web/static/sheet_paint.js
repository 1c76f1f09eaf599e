// How what is drawn looks: shapes in image coordinates; rings and crosses as wide as they are.

const { drawnAs, middleOf } = await import(`./sheet_shapes.js${new URL(import.meta.url).search}`)

export function paint (view, drawn, how, corners, turner) {
  const [tag, attributes] = drawnAs(drawn)
  const kind = drawn.points.length === 1 ? 'point' : drawn.shape.toLowerCase()
  view.shapes.append(made(tag, `app-shape app-shape--${how} app-shape--${kind}`, attributes))
  const held = how === 'begun' ? [...corners, ...(drawn.open ? drawn.points : [])] : []
  const rings = drawn.points.length === 1 ? [[drawn.points[0], 9]] : held.map((each) => [each, 5])
  for (const [[x, y], r] of rings) {
    const at = { cx: share(x, view.size[0]), cy: share(y, view.size[1]), r }
    view.lines.append(made('circle', `app-ring app-shape--${how}`, at))
  }
  if (turner) paintTurner(view, drawn, turner, how)
}

// What an ellipse is turned by: a filled ring on a stalk.
function paintTurner (view, drawn, [x, y], how) {
  const [cx, cy] = [share(x, view.size[0]), share(y, view.size[1])]
  const [mx, my] = middleOf(drawn)
  const stalk = { x1: share(mx, view.size[0]), y1: share(my, view.size[1]), x2: cx, y2: cy }
  view.lines.append(made('line', `app-stalk app-shape--${how}`, stalk))
  view.lines.append(made('circle', `app-turner app-shape--${how}`, { cx, cy, r: 7 }))
}

export function paintCross (view) {
  const [x, y] = view.at.map((each, axis) => share(each, view.size[axis]))
  for (const [x1, x2, y1, y2] of [['0', '100%', y, y], [x, x, '0', '100%']]) {
    view.lines.append(made('line', 'app-cross__line', { x1, x2, y1, y2 }))
  }
}

const share = (value, most) => `${value / most * 100}%`

export function svg (tag, className) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  element.setAttribute('class', className)
  return element
}

function made (tag, className, attributes) {
  const element = svg(tag, className)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  return element
}
