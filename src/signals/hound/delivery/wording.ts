/**
 * The predecessor's mails, word for word: subjects and bodies that filters and people know, and the addresses of the two
 * graphs. Differs in one point: what stands in an address is escaped, so that a target with `&` in it stays whole.
 */
import type { NoticeRule } from "../notice.ts";

/** What is said, and under which heading. */
export interface Wording {
  subject: string;
  text: string;
}

/** The two graphs of a rule as addresses. */
export interface GraphUrls {
  daily: string;
  weekly: string;
}

type Told = Pick<NoticeRule, "name" | "target" | "kind" | "runbookUrl" | "direction" | "threshold">;

const dailyLook =
  "width=1600&height=300&fontSize=20&bgcolor=FFFFFF&fgcolor=000000&hideGrid=true&colorList=%23999999,%23006699";
const weeklyLook =
  "width=1600&height=150&fontSize=20&hideGrid=true&hideLegend=true&graphOnly=true&hideAxes=true&bgcolor=EEEEEE&fgcolor=000000&hideGrid=true&colorList=%23cccccc,%236699cc";

/** The predecessor's graphs of a target; `renderUrl` is Graphite's, such as `https://graphite.example/render/`. */
export function graphUrls(renderUrl: string, { target, threshold }: Pick<Told, "target" | "threshold">): GraphUrls {
  const targets = `target=${escaped(target)}&target=threshold(${sixDigits(threshold)})`;
  return {
    daily: `${renderUrl}?${targets}&${dailyLook}&from=-24hours`,
    weekly: `${renderUrl}?${targets}&${weeklyLook}&from=-7days`,
  };
}

/** It fails: at first and at each repeat. `state` is the predecessor's word, such as `Failed`. */
export function alertWording(rule: Told, state: string, message: string, urls: GraphUrls | undefined): Wording {
  const lines = [`${titleOf(rule)} has triggered an alert`, `Status:\t${state}`, `Message:\t${message}`];
  if (urls !== undefined) lines.push("", `Daily Graph: ${urls.daily}`, `Weekly Graph: ${urls.weekly}`);
  if (rule.runbookUrl !== undefined && rule.runbookUrl !== "") lines.push("", "Runbook link:", rule.runbookUrl);
  return { subject: `[${rule.kind === "Alert" ? "ALERT" : "NOTICE"}] ${rule.name}`, text: textOf(lines) };
}

/** It is good again. */
export function recoveryWording(rule: Told): Wording {
  const side = rule.direction === "above" ? "below" : "above";
  return {
    subject: `[RECOVERED] ${rule.name}`,
    text: textOf([`${titleOf(rule)} has returned ${side} ${sixDigits(rule.threshold)}`]),
  };
}

/** More failed at once than are told one by one. */
export function throttledWording(failures: number, throttle: number): Wording {
  return {
    subject: "[ALERT] Hound is throttled",
    text: textOf([
      `${failures} metrics were not OK.`,
      `Hound stopped sending messages after ${throttle}.`,
      "So many at a time mostly have one cause: look at the network and the machines first.",
    ]),
  };
}

/** More recovered at once than are told one by one. */
export function recoveriesWording(recoveries: number, throttle: number): Wording {
  return {
    subject: "[ALERT] Hound is recovered",
    text: textOf([`${recoveries} metrics recovered.`, `Hound stopped sending individual messages after ${throttle}.`]),
  };
}

/** Some cannot be judged. */
export function errorsWording(errors: number): Wording {
  return {
    subject: "[ERROR] Hound encountered errors",
    text: textOf([
      `${errors} metrics had errors.`,
      "They could not be read, or had no values lately. Mostly the store of metrics is behind or cannot be reached.",
    ]),
  };
}

function textOf(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

function titleOf({ name, target }: Told): string {
  return `${name} [${target}]`;
}

function sixDigits(value: number): string {
  return value.toFixed(6);
}

/** As Graphite's own pages write targets: what is harmless in a query stays readable. */
function escaped(target: string): string {
  return encodeURIComponent(target).replace(/%(?:2C|3A|2F|40|3B)/g, (code) => decodeURIComponent(code));
}
