/** The explorer's comforts: targets that complete themselves, the tree narrowed as one writes, addresses to copy. */
import { completes } from "./completion.browser.js";

const root = document.querySelector("[data-explore]");
const mountPath = root?.getAttribute("data-explore") ?? "";

/** @type {Promise<{ name: string, signature: string }[]> | undefined} */
let functions;

/** @param {string} path @returns {Promise<any>} */
async function get(path) {
  try {
    const answer = await fetch(`${mountPath}${path}`, { headers: { Accept: "application/json" } });
    return answer.ok ? await answer.json() : [];
  } catch {
    // Nothing to complete with, then.
    return [];
  }
}

async function allFunctions() {
  functions ??= get("/functions.json");
  const found = await functions;
  // Nobody answered: the next word asks again.
  if (found.length === 0) functions = undefined;
  return found;
}

/** @param {string} word @returns {Promise<import("./completion.browser.js").Completion[]>} */
async function completionsOf(word) {
  const small = word.toLowerCase();
  const known = word === "" || word.includes(".") ? [] : await allFunctions();
  const called = known
    .filter(({ name }) => name.toLowerCase().startsWith(small))
    .map(({ name, signature }) => ({ words: signature, insert: `${name}(` }));
  /** @type {{ id: string, isLeaf: boolean }[]} */
  const nodes = await get(`/find.json?query=${encodeURIComponent(`${word}*`)}`);
  const named = nodes.map(({ id, isLeaf }) => ({ words: isLeaf ? id : `${id}.`, insert: isLeaf ? id : `${id}.` }));
  return [...named, ...called];
}

if (root) {
  for (const input of root.querySelectorAll("input[data-target]"))
    if (input instanceof HTMLInputElement) completes(input, completionsOf);
  const filter = root.querySelector("[data-filter]");
  const search = filter?.querySelector("input");
  filter?.removeAttribute("hidden");
  search?.addEventListener("input", () => {
    const wanted = search.value.toLowerCase();
    for (const node of root.querySelectorAll("[data-node]")) {
      if (node instanceof HTMLElement) node.hidden = !(node.dataset["node"] ?? "").toLowerCase().includes(wanted);
    }
  });
  search?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const first = [...root.querySelectorAll("[data-node]")].find((node) => node instanceof HTMLElement && !node.hidden);
    first?.querySelector("a")?.click();
  });
}
