/** For tests of one or two services in the whole program: the others are left out, which saves half of each start. */
import { services } from "../src/services.ts";

/** The environment in which `warren up` starts these and no others. */
export function onlyServices(...names: readonly string[]): Record<string, string> {
  const known = new Set(services.map(({ name }) => name));
  for (const name of names) if (!known.has(name)) throw new TypeError(`There is no service "${name}"`);
  return Object.fromEntries(
    [...known].filter((name) => !names.includes(name)).map((name) => [`WARREN_${name.toUpperCase()}_ENABLED`, "false"]),
  );
}
