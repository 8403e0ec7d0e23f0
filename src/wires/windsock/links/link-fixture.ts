/**
 * What tests of links share: a listener that remembers, and waiting for something to be true.
 */
import type { Listener } from "../hub.ts";

/** A listener that remembers contents; gaps are `-`. */
export function recorder(): Listener & { heard: string[] } {
  const heard: string[] = [];
  return { heard, hear: ({ content }) => void heard.push(content), gap: () => void heard.push("-") };
}

/** Resolves when something is true. Throws when it is not within `limitMs`. */
export async function until(isSo: () => boolean, limitMs = 15_000): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`It did not come about within ${limitMs} ms: ${isSo.toString()}`);
    await new Promise<void>((resolve) => setTimeout(resolve, 5));
  }
}
