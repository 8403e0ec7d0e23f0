/**
 * `warren reference [topic]`: the generated documentation where only the program is at hand. The topic `example` is the
 * example file (`warren reference example > warren.toml`), any other a section's page.
 */
import type { Section } from "../config/declaration.ts";
import { exampleFile, referenceList, referencePage } from "../config/reference-files.ts";
import type { VerbResult } from "./check.ts";
import { unknownName } from "./help.ts";

/** The page of a topic, or the list of them without one; exit code 1 when there is no such topic. */
export function referenceVerb(topic: string | undefined, sections: readonly Section<object>[]): VerbResult {
  const answer = (text: string) => ({ text: text.trimEnd(), exitCode: 0 });
  if (topic === undefined) return answer(referenceList(sections));
  if (topic === "example") return answer(exampleFile(sections));
  const section = sections.find(({ name }) => name === topic);
  if (section !== undefined) return answer(referencePage(section));
  return { text: unknownName(topic, ["example", ...sections.map(({ name }) => name)]), exitCode: 1 };
}
