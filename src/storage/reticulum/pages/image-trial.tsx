/** @jsxImportSource hono/jsx */
/**
 * One image at sizes: the form in which any size can be typed, what comes of it and how to put it into a page, and a strip
 * of usual sizes to begin with. A plain GET form, so that a size that was tried is an address to pass on.
 */
import { Facts, Flash, Mark } from "../../../kit/pages/components.tsx";
import { formatCount, formatSize } from "../../../kit/pages/quantity.ts";
import { CopyLine, Picture } from "./picture.tsx";
import { formatTitle, type ImageView, showPath, type TrialView } from "./view.ts";

const pixelRatios = [1, 2, 3];

function Made({ made, name }: { made: NonNullable<TrialView["made"]>; name: string }) {
  return (
    <div class="made">
      <Picture of={made.picture} alt={name} class="shown" />
      <Facts
        figures
        of={[
          ["Pixels", `${made.width} × ${made.height}`, made.pages > 1 ? `${made.pages} frames` : undefined],
          ["Size", formatSize(made.bytes), `${formatCount(made.bytes)} bytes`],
          ["Format", formatTitle(made.format)],
        ]}
      />
      <p>
        <a href={made.url}>{made.url}</a>
      </p>
      <CopyLine text={made.line} label="Element for a page" />
    </div>
  );
}

/** The form and its outcome. */
export function Trial({ view }: { view: ImageView }) {
  const { formats, negotiated, trial } = view;
  return (
    <>
      <form class="beside" method="get" action={showPath(view.mountPath, view.hash)}>
        <label class="beside-wide">
          Size
          <input
            name="size"
            id="size"
            value={trial.size}
            required
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            aria-invalid={trial.failure === undefined ? undefined : "true"}
            aria-describedby="size-words"
          />
        </label>
        {formats.length < 2 ? null : (
          <label>
            Format
            <select name="format">
              {formats.map((format) => (
                <option value={format} selected={format === trial.format}>
                  {formatTitle(format)}
                </option>
              ))}
            </select>
          </label>
        )}
        <label>
          Screen
          <select name="dpr">
            {pixelRatios.map((ratio) => (
              <option value={String(ratio)} selected={ratio === trial.pixelRatio}>
                {`${ratio}×`}
              </option>
            ))}
          </select>
        </label>
        <button type="submit">Show</button>
      </form>
      <p class="field-hint" id="size-words">
        {trial.failure === undefined ? (
          <>
            <code>200w</code> wide, <code>100h</code> high, <code>200w100h</code> within both, <code>100s</code> a
            square, <code>full</code> as it is stored.
            {negotiated.length === 0
              ? ""
              : ` Browsers that accept it get ${negotiated.map(formatTitle).join(" or ")} in place of what is stored.`}
          </>
        ) : (
          <Mark tone="bad" word={trial.failure} />
        )}
      </p>
      {trial.normal === undefined ? null : (
        <Flash tone="warn">
          “{trial.size}” means <code>{trial.normal}</code>; URLs lead there.
        </Flash>
      )}
      {trial.refusal === undefined ? null : <Flash tone="bad">{trial.refusal}</Flash>}
      {trial.made === undefined ? null : <Made made={trial.made} name={view.name} />}
    </>
  );
}

/** The image at usual sizes, each a link that tries it. */
export function Strip({ view }: { view: ImageView }) {
  return (
    <div class="strip">
      {view.strip.map(({ picture, size }) => (
        <figure>
          <Picture of={picture} alt={`${view.name} at ${size}`} class="shown" lazy />
          <figcaption>
            <a href={`${showPath(view.mountPath, view.hash)}?size=${encodeURIComponent(size)}#size`}>{size}</a>
          </figcaption>
        </figure>
      ))}
    </div>
  );
}
