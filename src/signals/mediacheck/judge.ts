/**
 * What is to be said about one mention of a resource: before it is fetched (mixed content, policy) and when an answer is
 * there (redirects on the way, status, size, type, origin, hash). Pure: no fetching, no memory.
 */
import { formatSize } from "../../kit/pages/quantity.ts";
import { frameObjections, objectionsTo, originObjections } from "./content-kind.ts";
import { hasIntegrity } from "./integrity.ts";
import type { Loaded } from "./loader.ts";
import type { Policies } from "./policy.ts";
import { type Reference, shownUrl } from "./reference.ts";
import type { Trouble } from "./report.ts";
import type { CheckSettings } from "./settings.ts";
import { ruleOn } from "./status-rules.ts";

/** The page that mentions something. */
export interface Asker {
  url: string;
  policies: Policies;
}

/** Why a browser would not even ask; undefined when it would. */
export function refusal(reference: Reference, { policies, url: pageUrl }: Asker): Trouble | undefined {
  const parsed = URL.parse(reference.url);
  if (parsed === null) return { isHard: true, sentence: `"${shownUrl(reference.url).slice(0, 200)}" is no address` };
  const { protocol } = parsed;
  if (pageUrl.startsWith("https:") && protocol !== "https:") {
    return {
      isHard: true,
      isMixed: true,
      sentence: `Mixed content: the page came by HTTPS, this would come by ${protocol.slice(0, -1)}`,
    };
  }
  if (protocol !== "https:" && protocol !== "http:") {
    return { isHard: true, sentence: `It cannot be fetched: browsers load nothing by ${protocol.slice(0, 30)}` };
  }
  const directive = policies.forbids(reference.kind, reference);
  if (directive === undefined) return undefined;
  return { isHard: true, sentence: `The page's Content-Security-Policy (${directive}) does not let browsers load it` };
}

/** What is to be said about an answer. */
export function troublesOf(
  answer: Loaded,
  reference: Reference,
  { policies, url: pageUrl }: Asker,
  settings: CheckSettings,
): { troubles: Trouble[]; isSkipped: boolean } {
  const { kind } = reference;
  const troubles: Trouble[] = [];
  for (const hop of answer.hops.slice(1)) {
    if (pageUrl.startsWith("https:") && !hop.startsWith("https:")) {
      troubles.push({
        isHard: true,
        isMixed: true,
        sentence: `Mixed content: it redirects to ${shownUrl(hop).slice(0, 200)}`,
      });
      break;
    }
    const directive = policies.forbids(kind, { ...reference, url: hop, isRedirected: true });
    if (directive !== undefined) {
      troubles.push({
        isHard: true,
        sentence: `It redirects to ${shownUrl(hop).slice(0, 200)}, which the page's Content-Security-Policy (${directive}) does not allow`,
      });
      break;
    }
  }
  const ruling = ruleOn(answer.status, settings.statusRules);
  if (ruling === "skip") return { troubles: [], isSkipped: true };
  if (ruling !== "ok") {
    troubles.push({ isHard: ruling === "error", sentence: `Bad status: ${answer.status}` });
    return { troubles, isSkipped: false };
  }
  if (answer.isCut && kind !== "media") {
    troubles.push({
      isHard: true,
      sentence: `It is larger than ${formatSize(settings.maxBytes)}, and was not read on`,
    });
  }
  for (const rule of settings.sizeRules) {
    if (rule.kind !== kind) continue;
    const size = answer.sizeBytes;
    if (size <= rule.maxBytes) continue;
    troubles.push({
      isHard: rule.isHard,
      sentence: `It has ${formatSize(size)}, more than the ${formatSize(rule.maxBytes)} set for ${kind}`,
    });
  }
  if (kind === "page") return { troubles, isSkipped: false };
  const isGood = answer.status >= 200 && answer.status < 300;
  // What a rule lets pass with another status has the body of a failure.
  if (isGood && answer.status !== 204) troubles.push(...objectionsTo(answer, reference));
  troubles.push(...originObjections(answer, reference, pageUrl));
  if (kind === "frame") troubles.push(...frameObjections(answer, pageUrl));
  const hashes = reference.integrity;
  if (hashes !== undefined && ["script", "style", "module", "fetch"].includes(kind)) {
    if (!answer.isCut && hasIntegrity(answer.body, hashes) === false) {
      troubles.push({ isHard: true, sentence: "It does not have the hash that the page wants (integrity)" });
    }
    const isForeign = URL.parse(answer.url)?.origin !== URL.parse(pageUrl)?.origin;
    if (isForeign && reference.cors !== true && kind !== "module") {
      troubles.push({
        isHard: true,
        sentence: "The page wants a hash (integrity) of what comes from another origin, but does not say crossorigin",
      });
    }
  }
  return { troubles, isSkipped: false };
}
