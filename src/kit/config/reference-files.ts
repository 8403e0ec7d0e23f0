/**
 * The files that are generated from the declarations: the example configuration and the reference pages. Written by
 * `bun run docs`, kept fresh by a test, and printed by `warren reference` where only the program is at hand.
 */
import type { Section } from "./declaration.ts";
import { type OptionView, optionViews, wrapped } from "./option-view.ts";

/** The folder of the reference pages, from the repository's root. */
export const referenceFolder = "docs/reference";

/** All generated files: path from the repository's root to text. */
export function referenceFiles(sections: readonly Section<object>[]): Map<string, string> {
  return new Map([
    ["warren.example.toml", exampleFile(sections)],
    [`${referenceFolder}/README.md`, referenceList(sections)],
    ...sections.map((section): [string, string] => [`${referenceFolder}/${section.name}.md`, referencePage(section)]),
  ]);
}

const exampleHead = `# Warren's configuration, with everything that can be set. Copy it to warren.toml and keep what you change.
#
# Nothing here needs to be set: each line below, without its "#", sets an option to its default, or to
# an example where there is no default. "warren check" reads the file and names every mistake in it;
# "warren config" shows what is in effect and where each value came from.
#
# The environment counts more than the file: WARREN_CASK_LISTEN sets listen in [cask]. The command line
# counts most: "warren up --set cask.listen=127.0.0.1:4200". Durations are text such as "250ms", "30s",
# "5m", "12h", "30d"; sizes are text such as "64MiB" (1024) or "1GB" (1000). Relative paths start at the
# working directory. A secret may stand in a file of its own: cluster_secret_file names it.
`;

/** The example configuration: every option with its sentences and default, commented out. */
export function exampleFile(sections: readonly Section<object>[]): string {
  return [exampleHead, ...sections.map(exampleSection)].join("\n");
}

function exampleSection(section: Section<object>): string {
  const views = optionViews(section).filter(({ obsolete }) => !obsolete);
  const head = `${wrapped(sentence(section.summary), "# ")}\n[${section.name}]\n`;
  return [head, ...views.map(exampleOption)].join("\n");
}

function exampleOption(view: OptionView): string {
  const note = view.default === undefined && view.unset !== "" ? ` Without it: ${view.unset}.` : "";
  return `${wrapped(`${view.summary}${note}`, "# ")}\n# ${view.key} = ${view.example}\n`;
}

const generated = "<!-- Generated from the declarations by `bun run docs`; changes belong there. -->";

/** The page that lists the other pages. */
export function referenceList(sections: readonly Section<object>[]): string {
  const lines = sections.map(({ name, summary }) => `- [\`[${name}]\`](${name}.md) – ${summary}`);
  return `${generated}
# What can be configured

Every option can stand in \`warren.toml\`, in the environment and on the command line. What comes later counts more:

1. the default,
2. the file: \`warren.toml\` in the working directory, or the one that \`--config\` or \`WARREN_CONFIG\` names,
3. the environment: \`WARREN_<SECTION>_<KEY>\`, an empty variable counting as not set; when a service is started
   alone, its predecessor's variables count too, less than these,
4. the command line: \`warren up --set <section>.<key>=<value>\`; the options of the node have flags of their own, and
   under \`warren <service>\` those of the service as well. In lists, commas stand between the elements.

A secret is never shown and never taken from the command line. Its key with \`_file\` added names a file to read it from.
The file is checked whole at the start: \`warren check\` names every mistake with its line, \`warren config\` shows the
values in effect and where each came from.

## Sections

${lines.join("\n")}
`;
}

/** The page about a section. */
export function referencePage(section: Section<object>): string {
  const views = optionViews(section);
  const options = views.map((view) => {
    const facts = [
      `Form: ${view.wanted}`,
      view.default === undefined
        ? `Default: ${view.unset === "" ? "none" : `none; then ${view.unset}`}`
        : `Default: \`${view.default}\``,
      `Variable: \`${view.variable}\``,
      `Flag: \`${view.flag}\``,
      ...(view.fileKey === undefined ? [] : [`Or from a file: \`${view.fileKey} = "/path"\``]),
      ...(view.legacy.length === 0 ? [] : [`Predecessor's variables: ${named(view.legacy)}`]),
    ];
    return `## \`${view.key}\`\n\n${view.summary}\n\n${facts.map((fact) => `- ${fact}`).join("\n")}\n`;
  });
  return `${generated}\n# \`[${section.name}]\`\n\n${sentence(section.summary)}\n\n${options.join("\n")}${nodeLegacyPart(section)}`;
}

function nodeLegacyPart(section: Section<object>): string {
  const lines = Object.entries(section.nodeLegacy).map(
    ([code, { names }]) =>
      `- \`${code.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}\`: ${named(names)}`,
  );
  if (lines.length === 0) return "";
  return `\n## Options of the node\n\nStarted alone, the service also takes these options of [\`[node]\`](node.md) from its predecessor's variables:\n\n${lines.join("\n")}\n`;
}

function named(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

/** A summary as a sentence. */
function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}
