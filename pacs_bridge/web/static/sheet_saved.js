// Marks of the sheet that are saved: taken up again from the page, to be moved and reshaped.

const { awayFrom, holds, middleOf } = await import(`./sheet_shapes.js${new URL(import.meta.url).search}`)

// What stands on a view, as it can be drawn again.
export function savedOn (view) {
  return [...view.figure.querySelectorAll('[data-key]')].map(({ dataset }) => ({
    key: dataset.key,
    mark: dataset.mark,
    view: view.number,
    frame: view.shown,
    shape: dataset.shape,
    points: dataset.points.split(' ').map((pair) => pair.split(',').map(Number)),
    finding: dataset.finding,
    rating: dataset.rating,
    drawn: true,
    open: false
  })).filter(({ shape }) => ['POINT', 'CIRCLE', 'ELLIPSE', 'POLYGON'].includes(shape))
}

// The one that lies under a place; of several the one whose line is nearest.
export function savedAt (view, at, close) {
  const near = savedOn(view).filter((each) => holds(each, at, close)).map((each) => [awayFrom(each, at), each])
  return near.sort(([one], [other]) => one - other)[0]?.[1] ?? null
}

// The next one after the one that is held, from the top down.
export function savedAfter (view, key) {
  const all = savedOn(view).sort((one, other) => middleOf(one)[1] - middleOf(other)[1])
  return all[(all.findIndex((each) => each.key === key) + 1) % all.length] ?? null
}

// Those that are being moved, or on their way, are not shown where they were.
export function hideMoved (views, keys) {
  for (const view of views) {
    for (const shape of view.figure.querySelectorAll('[data-key]')) {
      shape.classList.toggle('app-shape--away', keys.has(shape.dataset.key))
    }
    for (const label of view.figure.querySelectorAll('[data-of]')) {
      label.classList.toggle('app-shape--away', keys.has(label.dataset.of))
    }
  }
}

// Whether what is held says anything else than what is saved.
export function isChanged (draft, view) {
  const saved = savedOn(view).find((each) => each.key === draft.key)
  if (!saved) return true
  const told = ({ shape, points, finding, rating }) => JSON.stringify([shape, points.map((p) => p.map((each) => each.toFixed(2))), finding, String(rating)])
  return told(saved) !== told(draft)
}
