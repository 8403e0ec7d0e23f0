/** @jsxImportSource hono/jsx */
/**
 * Small pieces that several pages of Reticulum show: a picture with its true size, so that nothing moves when it comes,
 * and a line of text to be copied.
 */
import type { PictureView } from "./view.ts";

/** A picture. `alt` is empty where a text beside it says what it is. */
export function Picture(props: { of: PictureView; alt: string; class?: string; lazy?: boolean }) {
  const { fineSrc, height, src, width } = props.of;
  return (
    <img
      class={props.class}
      src={src}
      srcset={fineSrc === undefined ? undefined : `${src} 1x, ${fineSrc} 2x`}
      width={width}
      height={height}
      alt={props.alt}
      loading={props.lazy ? "lazy" : undefined}
      decoding="async"
    />
  );
}

/** Text to be copied: with one press when script runs, by hand otherwise. */
export function CopyLine(props: { text: string; label: string }) {
  return (
    <div class="line">
      <pre tabindex={0} role="group" aria-label={props.label}>
        <code>{props.text}</code>
      </pre>
      <button type="button" class="button-quiet" data-copy={props.text} hidden>
        Copy
      </button>
    </div>
  );
}
