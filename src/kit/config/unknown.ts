/**
 * Names that no declaration knows, each with the nearest one that is known. In the file and among flags they are
 * problems; among variables they are warnings, because container platforms make up variables of their own.
 */
import type { ConfigFile } from "./config-file.ts";
import { type Environment, type Section, variableOf } from "./declaration.ts";
import { nearest } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import { type FlagValue, keysOf } from "./sources.ts";

/** The names that are known in a run. */
export interface Known {
  readonly sections: readonly Section<object>[];
  /** Sections that may stand in the file and are not looked at. */
  readonly otherSections: readonly string[];
}

/** Sections and keys of the file that are not known. */
export function unknownInFile(file: ConfigFile, known: Known): Problem[] {
  const problems: Problem[] = [];
  for (const [name, line] of file.sections) {
    const other = known.otherSections.includes(name);
    if (other || sectionOf(known, name) !== undefined) continue;
    problems.push({ place: `${file.name}:${line}`, key: "", message: unknownSection(name, known) });
  }
  for (const { section, key, line } of file.entries) {
    const place = `${file.name}:${line}`;
    if (section === "") {
      const message =
        sectionOf(known, key) === undefined
          ? `Unknown key ${JSON.stringify(key)} above the first section${homes(key, known, "")}`
          : `Cannot read section ${JSON.stringify(key)}: wanted a table, [${key}]`;
      problems.push({ place, key: "", message });
      continue;
    }
    const found = sectionOf(known, section);
    const message = found === undefined ? undefined : unknownKey(found, key, known);
    if (message !== undefined) problems.push({ place, key: section, message });
  }
  return problems;
}

/** Flags that name no known option. */
export function unknownFlags(flags: readonly FlagValue[], known: Known): Problem[] {
  const problems: Problem[] = [];
  for (const { section, key, shown } of flags) {
    const place = `flag ${shown}`;
    const found = sectionOf(known, section);
    if (section === "")
      problems.push({ place, key: "", message: "wanted section.key=value, such as node.access_log=true" });
    else if (found === undefined) problems.push({ place, key: "", message: unknownSection(section, known) });
    else {
      const message = unknownKey(found, key, known);
      if (message !== undefined) problems.push({ place, key: section, message });
    }
  }
  return problems;
}

/** Variables that begin like those of a known section and name none of its options. */
export function unknownVariables(environment: Environment, known: Known): Problem[] {
  return known.sections.flatMap((section) => {
    const names = keyNames(section).map((key) => variableOf(section.name, key));
    return Object.keys(environment)
      .filter((name) => name.startsWith(variableOf(section.name, "")) && !names.includes(name))
      .map((name) => ({
        place: `environment ${name}`,
        key: "",
        message: `Unknown variable, not used${guess(nearest(name, names))}`,
      }));
  });
}

function unknownSection(name: string, known: Known): string {
  const names = [...known.sections.map((section) => section.name), ...known.otherSections];
  return `Unknown section ${JSON.stringify(name)}${guess(nearest(name, names))}`;
}

function unknownKey(section: Section<object>, key: string, known: Known): string | undefined {
  const names = keyNames(section);
  if (names.includes(key)) return undefined;
  const near = nearest(key, names);
  return `Unknown key ${JSON.stringify(key)}${near === undefined ? homes(key, known, section.name) : guess(near)}`;
}

/** Where a key that is known elsewhere belongs, as the end of a sentence. */
function homes(key: string, known: Known, except: string): string {
  const found = known.sections.filter((section) => section.name !== except && keyNames(section).includes(key));
  const names = found.map((section) => `[${section.name}]`);
  // Many services know `listen`; the node's is the one that is meant by default.
  const home = names.includes("[node]") ? "[node]" : names.slice(0, 3).join(" or ");
  return home === "" ? "" : `: it belongs in ${home}`;
}

function keyNames(section: Section<object>): string[] {
  return Object.entries(section.fields).flatMap(([code, field]) => keysOf({ code, field }).map(({ key }) => key));
}

function sectionOf(known: Known, name: string): Section<object> | undefined {
  return known.sections.find((section) => section.name === name);
}

function guess(near: string | undefined): string {
  return near === undefined ? "" : `: did you mean ${JSON.stringify(near)}?`;
}
