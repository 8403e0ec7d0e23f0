/**
 * Changes that are made by hand: one form becomes one change, a change turns a dashboard as written into another. Pure;
 * whether the outcome is right is judged when it is saved.
 */
import { Fault } from "../../kit/fault.ts";
import { formatDashboard } from "./dashboard-file.ts";
import { entryOf, inherited } from "./shown.ts";
import { attributeNames, kinds, type Threshold, units, type WrittenDashboard, type WrittenGraph } from "./written.ts";

/** The actions that a form may ask for. */
export const actions = [
  "settings",
  "save-graph",
  "add-graph",
  "remove-entry",
  "move-entry",
  "save-section",
  "add-section",
  "remove-section",
  "move-section",
] as const;

/** The dashboard with what a form says put into effect. Fault `houston/form` for a form that says nothing that can be done. */
export function changed(written: WrittenDashboard, form: URLSearchParams): WrittenDashboard {
  const action = actions.find((each) => each === form.get("action"));
  switch (action) {
    case "settings": {
      const { graphs, sections, variables } = written;
      const [note, range, refresh] = ["note", "range", "refresh"].map((name) => wordOf(form, name));
      // A form that does not speak of it leaves it as it is.
      const tz = form.has("tz") ? wordOf(form, "tz") : written.tz;
      return {
        title: wordOf(form, "title") ?? "",
        ...(note === undefined ? {} : { note }),
        ...(range === undefined ? {} : { range }),
        ...(refresh === undefined ? {} : { refresh }),
        ...(tz === undefined ? {} : { tz }),
        variables,
        graphs,
        sections,
      };
    }
    case "save-graph":
    case "add-graph":
      return withGraph(written, form, action === "add-graph");
    case "add-section":
      return { ...written, sections: [...written.sections, { label: wordOf(form, "label") ?? "Charts", graphs: [] }] };
    case "save-section":
      return withSection(written, form, (section) => {
        const { each: _each, needs: _needs, note: _note, ...rest } = section;
        const [each, needs, note] = ["each", "needs", "note"].map((name) => wordOf(form, name));
        return {
          ...rest,
          label: wordOf(form, "label") ?? "",
          ...(note === undefined ? {} : { note }),
          ...(each === undefined ? {} : { each }),
          ...(needs === undefined ? {} : { needs }),
        };
      });
    case "remove-section": {
      const at = placeOf(form, "section", written.sections.length);
      return withoutUnused(
        { ...written, sections: written.sections.toSpliced(at, 1) },
        written.sections[at]?.graphs ?? [],
      );
    }
    case "move-section": {
      const at = placeOf(form, "section", written.sections.length);
      return { ...written, sections: moved(written.sections, at, stepOf(form)) };
    }
    case "remove-entry": {
      const entry = entryAt(written, form);
      const next = withSection(written, form, (section) => ({
        ...section,
        graphs: section.graphs.toSpliced(placeOf(form, "entry", section.graphs.length), 1),
      }));
      return withoutUnused(next, [entry]);
    }
    case "move-entry":
      return moveEntry(written, form);
    default:
      throw wrong(`wanted one of the actions ${actions.join(", ")}`);
  }
}

/** The whole file as a form has it. */
export function textOf(form: URLSearchParams): string {
  return (form.get("text") ?? "").replaceAll("\r\n", "\n");
}

/** Actions that put what was typed in the place of what is there. */
const replacing: ReadonlySet<string> = new Set(["settings", "save-graph", "save-section"]);

/**
 * What a form that came too late would change in what is saved now: two texts of the file, and the fields to send again.
 * Undefined where nothing that was typed would be lost, or where it has no place any more.
 */
export function clashOf(
  form: URLSearchParams,
  saved: { written: WrittenDashboard | undefined; text: string; name: string },
): { theirs: string; mine: string; fields: [string, string][] } | undefined {
  const fields = [...form].filter(([name]) => name !== "etag" && name !== "over");
  if (form.has("text")) return { theirs: saved.text, mine: textOf(form), fields };
  if (!saved.written || !replacing.has(form.get("action") ?? "")) return undefined;
  try {
    const mine = formatDashboard(changed(saved.written, form), saved.name);
    return { theirs: formatDashboard(saved.written, saved.name), mine, fields };
  } catch (thrown) {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  }
}

/** A chart that goes past the end of its section goes into the next one. */
function moveEntry(written: WrittenDashboard, form: URLSearchParams): WrittenDashboard {
  const at = placeOf(form, "section", written.sections.length);
  const section = written.sections[at];
  const entry = placeOf(form, "entry", section?.graphs.length ?? 0);
  const step = stepOf(form);
  const to = entry + step;
  const name = entryAt(written, form);
  if (section && to >= 0 && to < section.graphs.length)
    return withSection(written, form, () => ({ ...section, graphs: moved(section.graphs, entry, step) }));
  if (!written.sections[at + step]) return written;
  const sections = written.sections.map((each, position) => {
    if (position === at) return { ...each, graphs: each.graphs.toSpliced(entry, 1) };
    if (position !== at + step) return each;
    return { ...each, graphs: step > 0 ? [name, ...each.graphs] : [...each.graphs, name] };
  });
  return { ...written, sections };
}

function withGraph(written: WrittenDashboard, form: URLSearchParams, isNew: boolean): WrittenDashboard {
  const title = wordOf(form, "title");
  const name = isNew ? freeName(written, wordOf(form, "name") ?? title ?? "chart") : (wordOf(form, "name") ?? "");
  if (!isNew && !Object.hasOwn(written.graphs, name)) throw wrong(`there is no graph "${name}"`);
  const graph = graphOf(form, written.graphs[name]);
  const next = { ...written, graphs: { ...written.graphs, [name]: graph } };
  if (!isNew) return next;
  const sections = next.sections.length === 0 ? [{ label: "Charts", graphs: [] }] : next.sections;
  const at = form.has("section") ? placeOf(form, "section", sections.length) : sections.length - 1;
  return {
    ...next,
    sections: sections.map((section, position) =>
      position === at ? { ...section, graphs: [...section.graphs, name] } : section,
    ),
  };
}

/** What the form of a graph says. Attributes that it has no field for stand one on a line, with `=` between. */
export function graphOf(form: URLSearchParams, before: WrittenGraph | undefined): WrittenGraph {
  const attrs: Record<string, string | number | boolean> = {};
  for (const line of linesOf(form, "attrs")) {
    const [name = "", ...value] = line.split("=");
    if (!attributeNames.has(name.trim())) throw wrong(`there is no attribute "${name.trim().slice(0, 60)}"`);
    attrs[name.trim()] = valueOf(value.join("=").trim());
  }
  for (const name of ["areaMode", "lineMode", "yMin", "yMax"]) {
    const value = wordOf(form, name);
    if (value !== undefined) attrs[name] = valueOf(value);
  }
  const unit = units.find((each) => each === form.get("unit"));
  const kind = kinds.find((each) => each === form.get("kind"));
  const title = wordOf(form, "title");
  const note = wordOf(form, "note");
  const parents = (wordOf(form, "parents") ?? "").split(/[\s,]+/).filter((name) => name !== "");
  const targets = linesOf(form, "targets");
  const thresholds = linesOf(form, "thresholds").map(thresholdOf);
  const ownUnit = unit !== undefined && (unit !== "none" || before?.unit !== undefined);
  return {
    ...(title === undefined ? {} : { title }),
    ...(note === undefined ? {} : { note }),
    ...(kind === undefined ? {} : { kind }),
    ...(parents.length > 0 ? { parents } : {}),
    ...(targets.length > 0 ? { targets } : {}),
    ...(Object.keys(attrs).length > 0 ? { attrs } : {}),
    ...(ownUnit ? { unit } : {}),
    ...(thresholds.length > 0 ? { thresholds } : {}),
  };
}

/** `80 warn Nearly full` or `below 10 bad Empty` as a threshold. */
function thresholdOf(line: string): Threshold {
  const [, below, number = "", tone, label = ""] = /^(below\s+)?(\S+)(?:\s+(warn|bad)\b)?\s*(.*)$/.exec(line) ?? [];
  const value = Number(number);
  if (!Number.isFinite(value)) throw wrong(`"${number.slice(0, 60)}" is no number for a threshold`);
  return {
    value,
    ...(label === "" ? {} : { label }),
    ...(tone === "warn" || tone === "bad" ? { tone } : {}),
    ...(below === undefined ? {} : { below: true }),
  };
}

/** The line that {@link graphOf} reads a threshold from. */
export function thresholdLine({ below, label, tone, value }: Threshold): string {
  return [below === true ? "below" : undefined, String(value), tone, label]
    .filter((part) => part !== undefined)
    .join(" ");
}

function withSection(
  written: WrittenDashboard,
  form: URLSearchParams,
  change: (section: WrittenDashboard["sections"][number]) => WrittenDashboard["sections"][number],
): WrittenDashboard {
  const at = placeOf(form, "section", written.sections.length);
  return { ...written, sections: written.sections.map((section, place) => (place === at ? change(section) : section)) };
}

function entryAt(written: WrittenDashboard, form: URLSearchParams): string {
  const section = written.sections[placeOf(form, "section", written.sections.length)];
  return section?.graphs[placeOf(form, "entry", section.graphs.length)] ?? "";
}

/** Leaves out graphs of removed entries that nobody names any more. */
function withoutUnused(written: WrittenDashboard, entries: readonly string[]): WrittenDashboard {
  const named = new Set(written.sections.flatMap(({ graphs }) => graphs.map((entry) => entryOf(entry).name)));
  for (const { parents } of Object.values(written.graphs)) for (const parent of parents ?? []) named.add(parent);
  const gone = new Set(entries.map((entry) => entryOf(entry).name).filter((name) => !named.has(name)));
  const graphs = Object.entries(written.graphs).filter(([name]) => !gone.has(name));
  return { ...written, graphs: Object.fromEntries(graphs) };
}

function moved<T>(list: readonly T[], from: number, step: number): T[] {
  const to = Math.min(list.length - 1, Math.max(0, from + step));
  const item = list[from];
  return item === undefined ? [...list] : list.toSpliced(from, 1).toSpliced(to, 0, item);
}

function freeName(written: WrittenDashboard, wanted: string): string {
  const plain = wanted.replaceAll(/[^\w-]+/g, "-").replaceAll(/^[^A-Za-z]+|-+$/g, "");
  const stem = (plain === "" ? "chart" : plain).slice(0, 50).toLowerCase();
  for (let count = 1; ; count++) {
    const name = count === 1 ? stem : `${stem}-${count}`;
    if (!Object.hasOwn(written.graphs, name)) return name;
  }
}

function wordOf(form: URLSearchParams, name: string): string | undefined {
  const value = (form.get(name) ?? "").trim();
  return value === "" ? undefined : value;
}

function linesOf(form: URLSearchParams, name: string): string[] {
  return (form.get(name) ?? "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function valueOf(text: string): string | number | boolean {
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : text;
}

function stepOf(form: URLSearchParams): 1 | -1 {
  return form.get("by") === "-1" ? -1 : 1;
}

function placeOf(form: URLSearchParams, name: string, count: number): number {
  const at = Number(form.get(name) ?? Number.NaN);
  if (Number.isInteger(at) && at >= 0 && at < count) return at;
  throw wrong(`${name} is not there`);
}

function wrong(reason: string): Fault {
  return new Fault("invalid", "houston/form", `Cannot change the dashboard: ${reason}`);
}

/** What the form of a graph shows: its own words, not those of its parents; those are told beside. */
export function formOf(written: WrittenDashboard, name: string) {
  const graph = written.graphs[name] ?? {};
  const { areaMode, lineMode, yMax, yMin, ...others } = graph.attrs ?? {};
  return {
    name,
    title: graph.title ?? "",
    note: graph.note ?? "",
    parents: (graph.parents ?? []).join(", "),
    targets: (graph.targets ?? []).join("\n"),
    inheritedTargets: graph.targets ? [] : (inherited(written, name).targets ?? []),
    unit: graph.unit ?? "none",
    kind: String(graph.kind ?? ""),
    areaMode: String(areaMode ?? ""),
    lineMode: String(lineMode ?? ""),
    yMin: String(yMin ?? ""),
    yMax: String(yMax ?? ""),
    attrs: Object.entries(others)
      .map(([key, value]) => `${key} = ${String(value)}`)
      .join("\n"),
    thresholds: (graph.thresholds ?? []).map(thresholdLine).join("\n"),
  };
}
