// What may be drawn on the sheet, in image coordinates: x = column, y = row, 0\0 at the top left
// corner of the first pixel. Nothing here touches the page.

export const LEAST = 1.5 // of a radius, in pixels of the image
const MOST_POINTS = 300 // of an outline

const within = (value, most) => Math.min(Math.max(value, 0), most)
export const onImage = ([x, y], [columns, rows]) => [within(x, columns), within(y, rows)]
const apart = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by)

// A shape of a usual size, for a click without a drag and for the keyboard.
export function usual (tool, at, size) {
  const [x, y] = at
  const length = Math.max(8, size[0] / 32)
  if (tool === 'CIRCLE') return circle(at, length, size)
  if (tool === 'ELLIPSE') return ellipse([x - length * 1.5, y - length], [x + length * 1.5, y + length], size)
  if (tool === 'POLYGON') return { shape: 'POLYGON', points: [at], open: true }
  return { shape: 'POINT', points: [at] }
}

// A circle: its centre, and a point on it that lies on the image.
export function circle (centre, radius, size) {
  const [x, y] = centre
  const room = Math.max(size[0] - x, x, size[1] - y, y)
  const r = Math.min(Math.max(radius, LEAST), room)
  const around = [[x + r, y], [x - r, y], [x, y + r], [x, y - r]]
  const edge = around.find(([px, py]) => px >= 0 && py >= 0 && px <= size[0] && py <= size[1])
  return { shape: 'CIRCLE', points: [[x, y], edge] }
}

// An ellipse in a box: the ends of its longer axis, then those of the shorter (PS3.3 C.10.5.1.2).
export function ellipse (corner, other, size) {
  const [[ax, ay], [bx, by]] = [onImage(corner, size), onImage(other, size)]
  const [x, y] = [(ax + bx) / 2, (ay + by) / 2]
  const [rx, ry] = [Math.max(Math.abs(bx - ax) / 2, LEAST), Math.max(Math.abs(by - ay) / 2, LEAST)]
  const [level, upright] = [[[x - rx, y], [x + rx, y]], [[x, y - ry], [x, y + ry]]]
  const points = rx >= ry ? [...level, ...upright] : [...upright, ...level]
  return { shape: 'ELLIPSE', points: points.map((each) => onImage(each, size)) }
}

// The two directions of the axes of an ellipse that is turned by so much (radians, clockwise as
// the image is stored).
const axesAt = (turn) => [[Math.cos(turn), Math.sin(turn)], [-Math.sin(turn), Math.cos(turn)]]
const along = ([x, y], [u, v], by) => [x + u * by, y + v * by]

// The middle of an ellipse, half of each axis, and how far it is turned. Which of its axes counts
// as the level one is said by `turn` where it was turned by hand, else by which lies closer to it.
export function ellipseOf ({ points, turn = 0 }) {
  const [a, b, c, d] = points
  const middle = [0, 1].map((axis) => (a[axis] + b[axis] + c[axis] + d[axis]) / 4)
  const first = Math.atan2(b[1] - a[1], b[0] - a[0])
  const quarters = Math.round((turn - first) / (Math.PI / 2))
  const radii = [apart(a, b) / 2, apart(c, d) / 2]
  return { middle, radii: quarters % 2 ? radii.reverse() : radii, turn: first + quarters * Math.PI / 2 }
}

// An ellipse by middle, half axes and turn; none where it does not fit on the image.
export function turnedEllipse (middle, radii, turn, size) {
  const [rx, ry] = radii.map((each) => Math.max(each, LEAST))
  const [u, v] = axesAt(turn)
  const across = [along(middle, u, -rx), along(middle, u, rx)]
  const down = [along(middle, v, -ry), along(middle, v, ry)]
  const points = rx >= ry ? [...across, ...down] : [...down, ...across]
  const shift = [0, 1].map((axis) => {
    const each = points.map((p) => p[axis])
    return Math.min(Math.max(0, -Math.min(...each)), size[axis] - Math.max(...each))
  })
  const there = points.map(([x, y]) => [x + shift[0], y + shift[1]])
  const fits = there.every(([x, y]) => x >= -0.01 && y >= -0.01 && x <= size[0] + 0.01 && y <= size[1] + 0.01)
  return fits ? { shape: 'ELLIPSE', points: there.map((each) => onImage(each, size)), turn } : null
}

// Turned about its middle; what cannot be turned, or not there, stays as it is.
export function turned (drawn, by, size) {
  if (drawn.shape !== 'ELLIPSE') return drawn
  const { middle, radii, turn } = ellipseOf(drawn)
  return { ...drawn, ...turnedEllipse(middle, radii, turn + by, size) }
}

// Its corners by which it is made larger or smaller; those of an ellipse are turned with it.
export function cornersOf (drawn) {
  if (drawn.shape === 'POINT' || drawn.open) return []
  if (drawn.shape === 'ELLIPSE') {
    const { middle, radii: [rx, ry], turn } = ellipseOf(drawn)
    const [u, v] = axesAt(turn)
    return [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([i, j]) => along(along(middle, u, i * rx), v, j * ry))
  }
  const [left, top, right, bottom] = boxOf(drawn)
  return [[left, top], [right, top], [right, bottom], [left, bottom]]
}

// Where it is held to turn it: beyond an end of its upright axis, on the image.
export function turnerOf (drawn, away, size) {
  if (drawn.shape !== 'ELLIPSE') return null
  const { middle, radii, turn } = ellipseOf(drawn)
  const [, v] = axesAt(turn)
  const ends = [-1, 1].map((way) => along(middle, v, way * (radii[1] + away)))
  return ends.find(([x, y]) => x >= 0 && y >= 0 && x <= size[0] && y <= size[1]) ?? null
}

// The corners of an outline that can be moved one by one: of one that was set corner by corner.
export const bendable = ({ shape, points, open }) => (shape === 'POLYGON' && !open && points.length <= 24 ? points : [])

// A corner drawn to another place, the opposite one staying; nothing where that turns it over.
export function stretched (drawn, corner, there, size) {
  const corners = cornersOf(drawn)
  const about = drawn.shape === 'CIRCLE' ? drawn.points[0] : corners[(corner + 2) % 4]
  const from = corners[corner].map((each, axis) => each - about[axis])
  const to = there.map((each, axis) => each - about[axis])
  if (drawn.shape === 'ELLIPSE') {
    const { turn } = ellipseOf(drawn)
    const axes = axesAt(turn)
    const [was, is] = [from, to].map(([x, y]) => axes.map(([u, v]) => x * u + y * v))
    if (is.some((each, axis) => each * was[axis] <= 0)) return {}
    const middle = axes.reduce((at, axis, i) => along(at, axis, is[i] / 2), about)
    return turnedEllipse(middle, is.map((each) => Math.abs(each) / 2), turn, size) ?? {}
  }
  const whole = Math.hypot(...to) / Math.max(Math.hypot(...from), 0.01)
  const factors = drawn.shape === 'CIRCLE' ? [whole, whole] : to.map((each, axis) => each / (from[axis] || 1))
  return Math.min(...factors) <= 0.02 ? {} : scaled(drawn, factors, about, size)
}

// A line drawn by hand, with no more points than it needs to lie within `close` pixels of it.
export function outline (drawn, close) {
  let points = thinned(drawn, close)
  for (let more = close * 1.5; points.length > MOST_POINTS; more *= 1.5) points = thinned(drawn, more)
  return { shape: 'POLYGON', points }
}

function thinned (points, close) {
  if (points.length < 3) return points
  const [first, last] = [points[0], points[points.length - 1]]
  let [far, at] = [0, 0]
  for (let i = 1; i < points.length - 1; i++) {
    const away = fromLine(points[i], first, last)
    if (away > far) [far, at] = [away, i]
  }
  if (far <= close) return [first, last]
  return [...thinned(points.slice(0, at + 1), close).slice(0, -1), ...thinned(points.slice(at), close)]
}

function fromLine (p, a, b) {
  const length = apart(a, b)
  if (length === 0) return apart(p, a)
  const along = within(((p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1])) / length ** 2, 1)
  return apart(p, [a[0] + along * (b[0] - a[0]), a[1] + along * (b[1] - a[1])])
}

export function area (points) {
  let twice = 0
  points.forEach(([x, y], i) => {
    const [nx, ny] = points[(i + 1) % points.length]
    twice += x * ny - nx * y
  })
  return Math.abs(twice) / 2
}

// Whether it is more than a slip of the hand.
export const isWhole = ({ shape, points, open }) =>
  !open && (shape !== 'POLYGON' || (points.length >= 3 && area(points) >= LEAST ** 2))

export function radiusOf ({ shape, points }) {
  return shape === 'CIRCLE' ? apart(points[0], points[1]) : 0
}

// The box round it: left, top, right, bottom.
export function boxOf (drawn) {
  const { points } = drawn
  if (drawn.shape === 'ELLIPSE') {
    const { middle: [x, y], radii: [rx, ry], turn } = ellipseOf(drawn)
    const [wide, high] = [Math.hypot(rx * Math.cos(turn), ry * Math.sin(turn)), Math.hypot(rx * Math.sin(turn), ry * Math.cos(turn))]
    return [x - wide, y - high, x + wide, y + high]
  }
  const r = radiusOf(drawn)
  const [xs, ys] = [0, 1].map((axis) => (r ? [points[0][axis] - r, points[0][axis] + r] : points.map((p) => p[axis])))
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]
}

export function middleOf (drawn) {
  const [left, top, right, bottom] = boxOf(drawn)
  return [(left + right) / 2, (top + bottom) / 2]
}

// Moved as far as all its points stay on the image.
export function moved (drawn, by, size) {
  const { points } = drawn
  const shift = [0, 1].map((axis) => {
    const each = points.map((p) => p[axis])
    return Math.min(Math.max(by[axis], -Math.min(...each)), size[axis] - Math.max(...each))
  })
  const there = points.map(([x, y]) => [x + shift[0], y + shift[1]])
  if (drawn.shape === 'CIRCLE') return circle(there[0], radiusOf(drawn), size)
  return { ...drawn, points: there }
}

// Made larger or smaller about a place that stays.
export function scaled (drawn, factors, about, size) {
  if (drawn.shape === 'POINT') return drawn
  if (drawn.shape === 'CIRCLE') return circle(drawn.points[0], radiusOf(drawn) * Math.max(...factors), size)
  if (drawn.shape === 'ELLIPSE') {
    const { middle, radii, turn } = ellipseOf(drawn)
    return { ...drawn, ...turnedEllipse(middle, radii.map((each, axis) => each * factors[axis]), turn, size) }
  }
  const there = drawn.points.map((p) => p.map((each, axis) => about[axis] + (each - about[axis]) * factors[axis]))
  const [left, top, right, bottom] = boxOf({ shape: 'POLYGON', points: there })
  if (right - left < 2 * LEAST || bottom - top < 2 * LEAST) return drawn
  return { ...drawn, points: there.map((each) => onImage(each, size)) }
}

// Whether a place lies in it, or so close to it.
export function holds (drawn, [x, y], close) {
  if (drawn.shape === 'POINT') return apart(drawn.points[0], [x, y]) <= close
  const [left, top, right, bottom] = boxOf(drawn)
  return x >= left - close && x <= right + close && y >= top - close && y <= bottom + close
}

// How far a place lies from its line, in pixels of the image.
export function awayFrom (drawn, at) {
  const { shape, points } = drawn
  if (shape === 'POINT') return apart(points[0], at)
  if (shape === 'CIRCLE') return Math.abs(apart(points[0], at) - apart(points[0], points[1]))
  const ring = shape === 'ELLIPSE' ? rim(drawn) : points
  return Math.min(...ring.map((p, i) => fromLine(at, p, ring[(i + 1) % ring.length])))
}

function rim (drawn) {
  const { middle, radii: [rx, ry], turn } = ellipseOf(drawn)
  const [u, v] = axesAt(turn)
  return Array.from({ length: 48 }, (_, i) => {
    const t = i * Math.PI / 24
    return along(along(middle, u, rx * Math.cos(t)), v, ry * Math.sin(t))
  })
}

// Its element of SVG, in a viewBox of the image's columns and rows.
export function drawnAs ({ shape, points, open, turn }) {
  const pairs = points.map((p) => p.join(',')).join(' ')
  if (shape === 'POINT') return ['path', { d: `M${points[0].join(' ')}h0` }]
  if (shape === 'CIRCLE') {
    return ['circle', { cx: points[0][0], cy: points[0][1], r: apart(points[0], points[1]) }]
  }
  if (shape === 'ELLIPSE') {
    const { middle: [cx, cy], radii: [rx, ry], turn: by } = ellipseOf({ points, turn })
    return ['ellipse', { cx, cy, rx, ry, transform: `rotate(${by * 180 / Math.PI} ${cx} ${cy})` }]
  }
  if (points.length === 1) return ['path', { d: `M${points[0].join(' ')}h0` }]
  return [open ? 'polyline' : 'polygon', { points: pairs }]
}

export const NAMES = { POINT: 'point', CIRCLE: 'circle', ELLIPSE: 'ellipse', POLYGON: 'outline' }
