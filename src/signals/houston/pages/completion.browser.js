/**
 * A field that completes the word at its caret: names of functions, and metrics one level at a time. A combobox as the ARIA
 * practices describe it: arrows choose, Enter and Tab take, Escape closes; writing goes on as if nothing were there.
 */

/** @typedef {{ words: string, insert: string }} Completion */

/** The word that the caret stands in, and where it begins. @param {HTMLInputElement} input */
export function wordAt(input) {
  const caret = input.selectionStart ?? input.value.length;
  const before = input.value.slice(0, caret);
  const word = /[^\s(),|"']*$/.exec(before)?.[0] ?? "";
  return { word, start: caret - word.length, end: caret };
}

/**
 * @param {HTMLInputElement} input
 * @param {(word: string) => Promise<Completion[]>} complete
 */
export function completes(input, complete) {
  const list = document.createElement("ul");
  list.className = "completions";
  list.id = `completions-${Math.round(performance.now() * 1000)}-${input.name}`;
  list.setAttribute("role", "listbox");
  list.hidden = true;
  input.after(list);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-expanded", "false");
  /** @type {Completion[]} */
  let found = [];
  let at = -1;
  let turn = 0;

  const mark = () => {
    for (const [place, item] of [...list.children].entries()) {
      item.setAttribute("aria-selected", String(place === at));
      if (place === at) item.scrollIntoView({ block: "nearest" });
    }
    if (at >= 0) input.setAttribute("aria-activedescendant", `${list.id}-${at}`);
    else input.removeAttribute("aria-activedescendant");
  };
  const close = () => {
    turn++;
    found = [];
    at = -1;
    list.hidden = true;
    list.setAttribute("aria-busy", "false");
    input.setAttribute("aria-expanded", "false");
    mark();
  };
  /** @param {Completion} taken */
  const take = (taken) => {
    const { end, start } = wordAt(input);
    input.setRangeText(taken.insert, start, end, "end");
    input.focus();
    at = -1;
    mark();
    if (/[.(]$/.test(taken.insert)) void look();
    else close();
  };
  const look = async () => {
    const asked = ++turn;
    list.setAttribute("aria-busy", "true");
    const all = await complete(wordAt(input).word);
    if (asked !== turn) return;
    list.setAttribute("aria-busy", "false");
    // Who chose among those of the word before, while these were on their way, still has it chosen.
    const chosen = found[at];
    found = all.slice(0, 100);
    at = found.findIndex((each) => each.insert === chosen?.insert && each.words === chosen.words);
    list.replaceChildren(
      ...found.map((each, place) => {
        const item = document.createElement("li");
        item.id = `${list.id}-${place}`;
        item.setAttribute("role", "option");
        item.textContent = each.words;
        item.addEventListener("mousedown", (event) => {
          event.preventDefault();
          take(each);
        });
        return item;
      }),
    );
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(found.length > 0));
    mark();
  };

  input.addEventListener("input", () => {
    at = -1;
    mark();
    void look();
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && found.length === 0) {
      event.preventDefault();
      void look();
      return;
    }
    if (found.length === 0) {
      // Nor does a list that is still on its way open then.
      if (event.key === "Escape") close();
      return;
    }
    const taken = found[at];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = event.key === "ArrowDown" ? (at + 1) % found.length : at <= 0 ? found.length - 1 : at - 1;
      mark();
    } else if ((event.key === "Enter" || event.key === "Tab") && taken) take(taken);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
}
