/**
 * Scripts of a page that import each other as modules: the names they use in their files become the names that the files are
 * served under, which contain their hash.
 */
import { type Asset, asset } from "./assets.ts";

/** The scripts of one service. */
export class ScriptModules {
  /** By what others import them as. */
  readonly #assets = new Map<string, Asset>();

  /** All of them. */
  get all(): readonly Asset[] {
    return [...this.#assets.values()];
  }

  /**
   * Adds a module that others import as `specifier`, such as `./units.browser.js`, and that is served under `name`. Those that it
   * imports have to be there. Throws RangeError for one that is not, and as {@link asset}.
   */
  add(specifier: string, name: string, text: string): Asset {
    let linked = text;
    for (const [other, { hash, name: served }] of this.#assets)
      linked = linked.replaceAll(`from "${other}"`, `from "./${hash}.${served}"`);
    const missing = /from "(\.\/[\w-]+\.browser\.js)"/.exec(linked)?.[1];
    if (missing !== undefined) throw new RangeError(`Cannot link ${specifier}: ${missing} has to be added before it`);
    const made = asset(name, linked);
    this.#assets.set(specifier, made);
    return made;
  }
}
