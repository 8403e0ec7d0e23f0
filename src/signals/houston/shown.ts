/**
 * From a dashboard as written to what is shown: parents are followed, `$1` and variables put in, sections unrolled.
 * Pure; what a source has to be asked for (values of variables, whether a section has anything) comes in as answers.
 * Values of variables can only be names, never parts of expressions: nothing from an address gets into a target unseen.
 */
import { nearest } from "../../kit/config/nearest.ts";
import {
  attributeNames,
  type GraphKind,
  type Threshold,
  type Unit,
  type WrittenDashboard,
  type WrittenGraph,
  type WrittenSection,
} from "./written.ts";

/** One graph of a page. */
export interface ShownGraph {
  /** Unlike any other of the dashboard that shows something else: the graph's name, then its words. */
  readonly id: string;
  /** As the file calls it. */
  readonly name: string;
  readonly title: string;
  readonly note: string | undefined;
  readonly kind: GraphKind;
  readonly targets: readonly string[];
  readonly attrs: Readonly<Record<string, string>>;
  readonly unit: Unit;
  readonly thresholds: readonly Threshold[];
}

/** One part of a page. */
export interface ShownSection {
  readonly label: string;
  readonly note: string | undefined;
  readonly graphs: readonly ShownGraph[];
}

/** What the source says about the variables and sections of a dashboard. */
export interface Answers {
  /** Values by variable. */
  readonly values: Readonly<Record<string, readonly string[]>>;
  /** What a reader chose, by variable; counts only where it is one of the values. */
  readonly chosen: Readonly<Record<string, string>>;
  /** Whether a pattern finds anything. */
  has(pattern: string): boolean;
}

/** Something wrong, and the keys that lead to it. */
export interface WrittenProblem {
  readonly path: readonly (string | number)[];
  /** Without a final period. */
  readonly message: string;
}

/** Graphs on one page; more are not drawn. */
export const graphsMax = 2000;
const valueForm = /^[^\s"'(),|\\$\p{Cc}]{1,200}$/u;

/** Whether a text may stand for a variable in a target. */
export function isPlainValue(text: string): boolean {
  return valueForm.test(text);
}

const flattened = new WeakMap<WrittenDashboard["graphs"], Map<string, WrittenGraph>>();

/**
 * A graph with all that it inherits; own words win over those of parents, later parents over earlier ones. Each graph is
 * worked out once, however many ways lead to it, and without recursion, so that no file can make it take long.
 */
export function inherited({ graphs }: WrittenDashboard, name: string): WrittenGraph {
  const known = flattened.get(graphs) ?? new Map<string, WrittenGraph>();
  flattened.set(graphs, known);
  const open = new Set<string>();
  const stack = [name];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const own = Object.hasOwn(graphs, top) ? graphs[top] : undefined;
    if (known.has(top) || !own) {
      stack.pop();
    } else if (!open.has(top)) {
      open.add(top);
      // Those that are open already are in a ring, which ends here.
      stack.push(...(own.parents ?? []).filter((parent) => !known.has(parent) && !open.has(parent)));
    } else {
      const all = [...(own.parents ?? []).map((parent) => known.get(parent) ?? {}), own];
      const attrs: WrittenGraph["attrs"] = Object.assign({}, ...all.map((each) => each.attrs));
      known.set(top, Object.assign({}, ...all, { attrs }) as WrittenGraph);
      stack.pop();
    }
  }
  return known.get(name) ?? {};
}

/** Rings, and names that lead nowhere but near another, are told of this many: looking for them takes long. */
const lookedForMax = 100;

/** All that is wrong between the parts of a dashboard: names that lead nowhere, circles, words that are missing. */
export function relationProblems(written: WrittenDashboard): WrittenProblem[] {
  const problems: WrittenProblem[] = [];
  const add = (path: WrittenProblem["path"], message: string) => problems.push({ path, message });
  const graphNames = Object.keys(written.graphs);
  let looked = 0;
  const near = (name: string, known: readonly string[]) => {
    const found = looked++ < lookedForMax ? nearest(name, known) : undefined;
    return found === undefined ? "" : `: did you mean "${found}"?`;
  };
  const ringed = inRings(written);
  for (const [name, graph] of Object.entries(written.graphs)) {
    for (const [at, parent] of (graph.parents ?? []).entries()) {
      if (!Object.hasOwn(written.graphs, parent))
        add(["graphs", name, "parents", at], `there is no graph "${parent}"${near(parent, graphNames)}`);
    }
    if (ringed.has(name)) add(["graphs", name, "parents"], "it is its own parent, by way of others");
    for (const attribute of Object.keys(graph.attrs ?? {})) {
      if (attributeNames.has(attribute)) continue;
      add(["graphs", name, "attrs", attribute], `there is no such attribute${near(attribute, [...attributeNames])}`);
    }
  }
  const variables = Object.keys(written.variables);
  for (const [name, variable] of Object.entries(written.variables)) {
    const path = ["variables", name];
    if (/^\d+$/.test(name)) add(path, "wanted a name that is no number");
    if ((variable.values === undefined) === (variable.find === undefined)) add(path, "wanted either values or find");
    for (const [whole, , word] of (variable.find ?? "").matchAll(reference)) {
      if (word !== undefined && !variables.includes(word))
        add([...path, "find"], `${whole}: there is no such variable${near(word, variables)}`);
    }
    for (const [at, value] of (variable.values ?? []).entries()) {
      if (!isPlainValue(value)) add([...path, "values", at], "wanted a name without spaces, quotes and brackets");
    }
    if (variable.values && variable.default !== undefined && !variable.values.includes(variable.default))
      add([...path, "default"], "wanted one of the values");
  }
  for (const [at, section] of written.sections.entries()) {
    const path = ["sections", at];
    if (section.each !== undefined && !variables.includes(section.each))
      add([...path, "each"], `there is no variable "${section.each}"${near(section.each, variables)}`);
    const says = (place: WrittenProblem["path"], text: string) => {
      for (const [whole, number, word] of text.matchAll(reference)) {
        if (number !== undefined && !(number === "1" && section.each !== undefined))
          add(place, `${whole} stands for nothing here: name a variable, or write $$ for a dollar`);
        if (word !== undefined && !variables.includes(word))
          add(place, `${whole}: there is no such variable${near(word, variables)}`);
      }
    };
    for (const key of ["label", "note", "needs"] as const) says([...path, key], section[key] ?? "");
    for (const [position, entry] of section.graphs.entries()) {
      const { name, words } = entryOf(entry);
      const place = [...path, "graphs", position];
      says(place, words.join(" "));
      if (!Object.hasOwn(written.graphs, name)) {
        add(place, `there is no graph "${name}"${near(name, graphNames)}`);
        continue;
      }
      const graph = inherited(written, name);
      if (!graph.targets?.length) add(place, `graph "${name}" has no targets, and no parent with any`);
      const given = words.length === 0 && section.each !== undefined ? 1 : words.length;
      for (const text of [...(graph.targets ?? []), graph.title ?? "", graph.note ?? ""]) {
        for (const [whole, number, word] of text.matchAll(reference)) {
          if (number !== undefined && Number(number) > given)
            add(
              place,
              `graph "${name}" wants ${whole}, and there ${given === 1 ? "is 1 word" : `are ${given} words`} behind its name`,
            );
          if (word !== undefined && !variables.includes(word))
            add(place, `graph "${name}" names ${whole}, and there is no such variable${near(word, variables)}`);
        }
      }
    }
  }
  // The same words may be found by way of targets and title.
  const texts = new Set<string>();
  return problems.filter((problem) => {
    const text = JSON.stringify(problem);
    const isNew = !texts.has(text);
    texts.add(text);
    return isNew;
  });
}

/** `$1`, `$name`; `$$` is a dollar. */
const reference = /\$(?:(\d)|([A-Za-z]\w*)|\$)/g;

/** The patterns that have to be looked up before {@link shownSections}: what sections need, in each of their rounds. */
export function neededPatterns(
  { sections }: WrittenDashboard,
  present: Readonly<Record<string, string>>,
  values: Answers["values"],
): string[] {
  const all = sections.flatMap(({ each, needs }) => {
    if (needs === undefined) return [];
    if (each === undefined) return [fill(needs, [], present)];
    return (values[each] ?? []).map((value) => fill(needs, [value], { ...present, [each]: value }));
  });
  return [...new Set(all)];
}

/** The variables' present values: what was chosen where it may be, else the default, else the first. */
export function presentValues(written: WrittenDashboard, { values, chosen }: Omit<Answers, "has">) {
  const present: Record<string, string> = {};
  for (const [name, variable] of Object.entries(written.variables)) {
    const all = values[name] ?? [];
    const wanted = chosen[name];
    const isThere = wanted !== undefined && (all.includes(wanted) || (wanted === "*" && variable.all === true));
    const fallback = variable.default !== undefined && all.includes(variable.default) ? variable.default : all[0];
    present[name] = (isThere ? wanted : fallback) ?? "";
  }
  return present;
}

/** The sections of a page. Sections whose needs are not there, and those without any graph, are left out. */
export function shownSections(written: WrittenDashboard, answers: Answers): ShownSection[] {
  const present = presentValues(written, answers);
  const sections: ShownSection[] = [];
  let count = 0;
  for (const section of written.sections) {
    for (const values of rounds(section, present, answers)) {
      // `$1` is the value of this round, in the section's own words as in its graphs.
      const each = section.each === undefined ? [] : [values[section.each] ?? ""];
      const text = (raw: string) => fill(raw, each, values);
      if (section.needs !== undefined && !answers.has(text(section.needs))) continue;
      const graphs = section.graphs.slice(0, graphsMax - count).map((entry) => {
        const { name, words } = entryOf(entry);
        return shownGraph(written, name, words.length === 0 ? each : words.map(text), values);
      });
      count += graphs.length;
      const note = section.note === undefined ? undefined : text(section.note);
      if (graphs.length > 0) sections.push({ label: text(section.label), note, graphs });
    }
  }
  return sections;
}

function rounds(
  section: WrittenSection,
  present: Readonly<Record<string, string>>,
  { values, chosen }: Answers,
): Readonly<Record<string, string>>[] {
  const { each } = section;
  if (each === undefined) return [present];
  const all = values[each] ?? [];
  const one = chosen[each];
  const wanted = one !== undefined && all.includes(one) ? [one] : all;
  return wanted.map((value) => ({ ...present, [each]: value }));
}

function shownGraph(
  written: WrittenDashboard,
  name: string,
  words: readonly string[],
  values: Readonly<Record<string, string>>,
): ShownGraph {
  const graph = inherited(written, name);
  const text = (raw: string) => fill(raw, words, values);
  const attrs = Object.entries(graph.attrs ?? {}).map(([key, value]) => [key, text(String(value))]);
  const title = graph.title ?? (typeof graph.attrs?.["title"] === "string" ? graph.attrs["title"] : undefined);
  return {
    id: [name, ...words].join(","),
    name,
    title: text(title ?? [name, ...words].join(" ")),
    note: graph.note === undefined ? undefined : text(graph.note),
    kind: graph.kind ?? "chart",
    targets: (graph.targets ?? []).map(text),
    attrs: { ...(written.tz === undefined ? {} : { tz: written.tz }), ...Object.fromEntries(attrs) } as Record<
      string,
      string
    >,
    unit: graph.unit ?? "none",
    thresholds: graph.thresholds ?? [],
  };
}

/** `cpu web1` is the graph `cpu` with `web1` for `$1`. */
export function entryOf(entry: string): { name: string; words: string[] } {
  const [name = "", ...words] = entry.trim().split(/\s+/);
  return { name, words };
}

/** Puts words and values in; what is not there becomes nothing. */
export function fill(raw: string, words: readonly string[], values: Readonly<Record<string, string>>): string {
  return raw.replace(reference, (_, number: string | undefined, word: string | undefined) => {
    if (number !== undefined) return words[Number(number) - 1] ?? "";
    if (word === undefined) return "$";
    return Object.hasOwn(values, word) ? (values[word] ?? "") : "";
  });
}

/** Graphs that are their own parents by way of others; not all of very many. */
function inRings(written: WrittenDashboard): Set<string> {
  // What has no parents left is in no ring, nor is what has only such parents.
  const children = new Map<string, string[]>();
  const left = new Map<string, number>();
  for (const [name, { parents = [] }] of Object.entries(written.graphs)) {
    const known = parents.filter((parent) => Object.hasOwn(written.graphs, parent));
    left.set(name, known.length);
    for (const parent of known) children.set(parent, [...(children.get(parent) ?? []), name]);
  }
  const free = [...left.keys()].filter((name) => left.get(name) === 0);
  for (let name = free.pop(); name !== undefined; name = free.pop()) {
    left.delete(name);
    for (const child of children.get(name) ?? []) {
      const count = (left.get(child) ?? 0) - 1;
      left.set(child, count);
      if (count === 0) free.push(child);
    }
  }
  return new Set([...left.keys()].slice(0, lookedForMax).filter((name) => reaches(written, name, name)));
}

function reaches(written: WrittenDashboard, from: string, goal: string): boolean {
  const seen = new Set<string>();
  const queue = [...(written.graphs[from]?.parents ?? [])];
  for (let at = 0; at < queue.length; at++) {
    const name = queue[at] ?? "";
    if (name === goal) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    queue.push(...(written.graphs[name]?.parents ?? []));
  }
  return false;
}
