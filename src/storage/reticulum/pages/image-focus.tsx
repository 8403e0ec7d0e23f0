/** @jsxImportSource hono/jsx */
/**
 * Where squares look: the picture itself is a button of a form, so that a click on it says where, without script. The
 * same can be said in numbers by keyboard.
 */
import { Picture } from "./picture.tsx";
import { type ImageView, showPath } from "./view.ts";

function percent(share: number): string {
  return String(Math.round(share * 1000) / 10);
}

function Ring({ point, width, height }: { point: { x: number; y: number }; width: number; height: number }) {
  const at = { cx: (point.x * width).toFixed(1), cy: (point.y * height).toFixed(1), r: "11" };
  return (
    <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <circle class="focus-under" {...at} />
      <circle class="focus-over" {...at} />
    </svg>
  );
}

/** The picture with its point, and the square that comes of it. */
export function Focus({ view }: { view: ImageView }) {
  const { focus, hash, mayWrite, mountPath, square, whole } = view;
  const action = `${showPath(mountPath, hash)}focus`;
  const words =
    focus === undefined
      ? "Squares show the middle."
      : `Squares look at ${percent(focus.x)} % from the left and ${percent(focus.y)} % from the top.`;
  return (
    <div class="focus">
      {whole === undefined ? null : (
        <form class="focus-picture" method="post" action={action}>
          {mayWrite ? (
            <input
              type="image"
              name="point"
              src={whole.src}
              width={whole.width}
              height={whole.height}
              alt="Click where squares should look"
              tabindex={-1}
            />
          ) : (
            <Picture of={whole} alt={view.name} />
          )}
          <input type="hidden" name="width" value={String(whole.width)} />
          <input type="hidden" name="height" value={String(whole.height)} />
          {focus === undefined ? null : <Ring point={focus} width={whole.width} height={whole.height} />}
        </form>
      )}
      <div class="focus-side">
        <p>
          {words}
          {mayWrite ? " Click on what matters, or say where it is." : ""}
        </p>
        {mayWrite ? (
          <form class="beside" method="post" action={action}>
            <label>
              % from the left
              <input
                class="number"
                name="x"
                type="number"
                min="0"
                max="100"
                step="0.1"
                required
                value={percent(focus?.x ?? 0.5)}
              />
            </label>
            <label>
              % from the top
              <input
                class="number"
                name="y"
                type="number"
                min="0"
                max="100"
                step="0.1"
                required
                value={percent(focus?.y ?? 0.5)}
              />
            </label>
            <button type="submit">Set</button>
          </form>
        ) : null}
        {mayWrite && focus !== undefined ? (
          <form method="post" action={action}>
            <input type="hidden" name="clear" value="1" />
            <button type="submit" class="button-quiet">
              Look at the middle again
            </button>
          </form>
        ) : null}
        {square === undefined ? null : (
          <figure>
            <Picture of={square} alt="The square that comes of it" class="shown" />
          </figure>
        )}
        {focus === undefined ? null : (
          <p class="field-hint">
            Caches keep squares under their URL: add any parameter to it, such as <code>?v=2</code>, to get past them.
          </p>
        )}
      </div>
    </div>
  );
}
