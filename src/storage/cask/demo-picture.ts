/**
 * The picture of the demonstration: what has been done, the nodes with what they hold, and how many of the wanted copies
 * exist. Pure: from a view to lines no wider than the terminal.
 */
import { formatCount, formatSpan } from "../../kit/pages/quantity.ts";

/** One step of the demonstration. */
export interface DemoStep {
  text: string;
  state: "done" | "now" | "failed";
  tookMs: number;
}

/** What is shown. */
export interface DemoView {
  steps: readonly DemoStep[];
  nodes: readonly {
    name: string;
    state: "up" | "killed" | "starting";
    url: string;
    blobs: number | undefined;
    owed: number | undefined;
  }[];
  /** Blobs that were acknowledged, and copies wanted of each. */
  acknowledged: number;
  copies: number;
  columns: number;
}

const barWidth = 30;

/** The lines of the picture. */
export function demoPicture(view: DemoView): string[] {
  const marks = { done: "ok  ", now: "... ", failed: "FAIL" };
  const most = Math.max(1, view.acknowledged, ...view.nodes.map((node) => node.blobs ?? 0));
  const held = view.nodes.reduce((sum, node) => sum + (node.state === "up" ? (node.blobs ?? 0) : 0), 0);
  const wanted = view.acknowledged * view.copies;
  const width = Math.max(...view.nodes.map(({ name }) => name.length));
  const lines = [
    ...view.steps.map(({ state, text, tookMs }) => `${marks[state]}  ${text}  (${formatSpan(tookMs)})`),
    "",
    ...view.nodes.map(({ blobs, name, owed, state, url }) => {
      const shown = state === "up" ? bar((blobs ?? 0) / most) : bar(0).replaceAll("-", " ");
      const count = blobs === undefined || state !== "up" ? "" : `${formatCount(blobs)} blobs`;
      const debt = owed !== undefined && owed > 0 ? `, ${formatCount(owed)} owed` : "";
      return `      ${name.padEnd(width)}  ${state.padEnd(8)}  ${shown}  ${count}${debt}${count === "" ? url : ""}`;
    }),
    `      ${"copies".padEnd(width)}  ${"".padEnd(8)}  ${bar(wanted === 0 ? 0 : held / wanted)}  ${formatCount(held)} of ${formatCount(wanted)}`,
  ];
  return lines.map((line) => line.slice(0, Math.max(20, view.columns - 1)));
}

function bar(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * barWidth);
  return `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}]`;
}
