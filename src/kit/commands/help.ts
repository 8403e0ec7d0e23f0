/**
 * `warren help <service>`: what a service does and every option it has, for a terminal.
 */
import { type Section, variableOf } from "../config/declaration.ts";
import { nearest } from "../config/nearest.ts";
import { optionViews, wrapped } from "../config/option-view.ts";
import type { VerbResult } from "./check.ts";

/** Explains the section named `name`; exit code 1 when there is none. */
export function helpVerb(name: string, sections: readonly Section<object>[]): VerbResult {
  const section = sections.find((candidate) => candidate.name === name);
  if (section !== undefined) return { text: sectionHelp(section), exitCode: 0 };
  return {
    text: unknownName(
      name,
      sections.map((candidate) => candidate.name),
    ),
    exitCode: 1,
  };
}

/** A sentence for a name that is not one of `names`, with the nearest one or all of them. */
export function unknownName(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  const hint = near === undefined ? `wanted one of ${names.join(", ")}` : `did you mean "${near}"?`;
  return `Unknown name ${JSON.stringify(name)}: ${hint}`;
}

/** The help text of a section. */
export function sectionHelp(section: Section<object>): string {
  const isNode = section.name === "node";
  const verb = isNode ? "up" : section.name;
  const views = optionViews(section);
  const lines = [
    `${section.name}: ${section.summary}`,
    "",
    isNode
      ? "Set in [node] of warren.toml, as a flag of any command that starts something, or as a variable."
      : `Runs with the others under "warren up", or alone: warren ${verb} [flags]`,
    ...(isNode ? [] : [`Set in [${section.name}] of warren.toml, as a flag of "warren ${verb}", or as a variable.`]),
    `With "warren up": --set ${section.name}.<key>=<value>. Variables: ${variableOf(section.name, "")}<KEY>.`,
    "",
  ];
  for (const view of views) {
    const value = view.default === undefined ? "" : ` = ${view.default}`;
    const meaning = view.default === undefined && view.unset !== "" ? ` (unset: ${view.unset})` : "";
    lines.push(
      `  ${view.key}${value}${meaning}`,
      wrapped(view.summary, "      "),
      wrapped(`Wanted: ${view.wanted}`, "      "),
    );
    lines.push(`      ${view.flag}   ${view.variable}${view.fileKey === undefined ? "" : `   ${view.fileKey}`}`);
    if (view.legacy.length > 0) lines.push(wrapped(`Alone also: ${view.legacy.join(", ")}`, "      "));
    lines.push("");
  }
  const inherited = Object.values(section.nodeLegacy).flatMap(({ names }) => names);
  if (inherited.length > 0) lines.push(wrapped(`For the node, alone also: ${inherited.join(", ")}`, "  "), "");
  lines.push(isNode ? "" : "Options of the node: warren help node");
  return lines.join("\n").trimEnd();
}
