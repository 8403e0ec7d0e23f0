/** `warren houston check` and `warren houston list`: files of dashboards, looked at without a server. */
import { reasonOf } from "../../kit/fault.ts";
import { countOf } from "../../kit/pages/quantity.ts";
import { plainLine } from "../../kit/terminal/plain-text.ts";
import type { Screen } from "../../kit/terminal/screen.ts";
import { problemText, readDashboard } from "./dashboard-file.ts";
import { Library, titleOf } from "./library.ts";

/** Looks files over; the exit code is 1 when one cannot be used. */
export async function checkVerb(screen: Screen, files: readonly string[], flags: { quiet?: boolean }): Promise<number> {
  let bad = 0;
  for (const file of files) {
    let text: string;
    try {
      text = await Bun.file(file).text();
    } catch (thrown) {
      screen.print(plainLine(`${file}: cannot be read: ${reasonOf(thrown)}`));
      bad++;
      continue;
    }
    const { problems, written } = await readDashboard(text, file);
    for (const problem of problems ?? []) screen.print(plainLine(`${file}: ${problemText(problem)}`));
    if (problems) bad++;
    else if (flags.quiet !== true) {
      const graphs = written.sections.reduce((sum, section) => sum + section.graphs.length, 0);
      screen.print(plainLine(`${file}: good, "${written.title}", ${countOf(graphs, "graph")}`));
    }
  }
  return bad > 0 ? 1 : 0;
}

/** Lists the dashboards of a folder; the exit code is 1 when one cannot be used. */
export async function listVerb(screen: Screen, folder: string, flags: { json?: boolean }): Promise<number> {
  const library = new Library({ folder, files: [], ownDashboards: [], canChange: false });
  await library.look();
  let bad = library.troubles.length;
  for (const trouble of library.troubles) screen.note(plainLine(trouble));
  for (const entry of library.list()) {
    const { problems, slug, written } = entry;
    const graphs = written?.sections.reduce((sum, section) => sum + section.graphs.length, 0) ?? 0;
    if (problems.length > 0) bad++;
    if (flags.json === true) {
      screen.print(JSON.stringify({ slug, title: titleOf(entry), graphs, problems: problems.map(problemText) }));
      continue;
    }
    const words =
      problems.length > 0 ? `cannot be used: ${problems.map(problemText).join("; ")}` : countOf(graphs, "graph");
    screen.print(plainLine(`${slug}  ${titleOf(entry)}  ${words}`));
  }
  return bad > 0 ? 1 : 0;
}
