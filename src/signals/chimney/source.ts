/**
 * Where the checks come from: those of the configuration, and those of a file that is looked at again and again. A file
 * that cannot be read, or says something wrong, changes nothing: the checks stay as they were and the trouble is told.
 */
import { WatchedFile } from "../../kit/watched-file.ts";
import { type CheckFile, readCheckFile } from "./check-file.ts";
import type { Plan, PlanDefaults } from "./plan.ts";

/** The checks of the configuration (`own`) with those of the file at `path`, if there is one. Fault `chimney/file`. */
export function checkSource(
  own: readonly Plan[],
  path: string | undefined,
  defaults: PlanDefaults,
): WatchedFile<CheckFile> {
  return new WatchedFile({
    path,
    code: "chimney/file",
    read(text) {
      if (text === undefined || path === undefined) return { plans: own, graphite: undefined };
      const read = readCheckFile(text, path, defaults);
      const names = new Set(own.map(({ name }) => name));
      const ids = new Set(own.map(({ entry }) => entry.id));
      for (const { entry, name } of read.plans) {
        const what = names.has(name) ? "name" : entry.id !== undefined && ids.has(entry.id) ? "id" : undefined;
        if (what) throw new SyntaxError(`Cannot use check "${name}": its ${what} stands in the configuration, too`);
      }
      return { ...read, plans: [...own, ...read.plans] };
    },
    wrongIn(thrown) {
      if (!(thrown instanceof SyntaxError)) return undefined;
      const { message } = thrown;
      return path === undefined || message.includes(path) ? message : `Cannot use "${path}": ${message}`;
    },
  });
}
