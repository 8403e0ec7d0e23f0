/**
 * Makes the upload form take files that are dropped anywhere on the page, several at a time, each with the form's other
 * fields, and shows how far each is. Asks for JSON: `{key, success}` or a problem with `detail`; `copies` and `wanted` are
 * shown when they are numbers. Rows come from the page's template. Two files travel at a time; the rest wait.
 */
/** `body` as the form was when the file was taken. @typedef {{ body: FormData, row: HTMLElement }} Waiting */

const form = document.querySelector("[data-upload]");
const list = document.querySelector("[data-upload-list]");
const template = document.querySelector("[data-upload-row]");
const input = form?.querySelector("input[type=file]");

/** @type {Waiting[]} */
const waiting = [];
let underWay = 0;

/** @param {ParentNode} row @param {string} hook */
function part(row, hook) {
  const found = row.querySelector(`[data-upload-${hook}]`);
  if (!(found instanceof HTMLElement)) throw new Error(`The page lacks data-upload-${hook}`);
  return found;
}

/** @param {HTMLElement} row @param {"good" | "bad" | ""} tone @param {string} words */
function tell(row, tone, words) {
  const state = part(row, "state");
  state.textContent = words;
  state.className = tone === "" ? "" : `upload-${tone}`;
}

/** @param {XMLHttpRequest} request @returns {Record<string, unknown>} */
function answerOf(request) {
  try {
    const answer = JSON.parse(request.responseText);
    return typeof answer === "object" && answer !== null ? answer : {};
  } catch {
    return {};
  }
}

/** @param {HTMLElement} row @param {XMLHttpRequest} request */
function finish(row, request) {
  part(row, "progress").hidden = true;
  const answer = answerOf(request);
  if (
    request.status >= 200 &&
    request.status < 300 &&
    typeof answer["key"] === "string" &&
    answer["success"] !== false
  ) {
    const link = part(row, "link");
    const url = `${form?.getAttribute("data-file-path") ?? ""}${answer["key"]}/`;
    link.setAttribute("href", url);
    part(row, "key").textContent = answer["key"];
    row.querySelector("[data-copy]")?.setAttribute("data-copy", new URL(url, location.href).href);
    part(row, "answer").hidden = false;
    const { copies, wanted } = answer;
    const counted = typeof copies === "number" && typeof wanted === "number";
    tell(row, "good", counted ? `Stored: ${copies} of ${wanted} copies` : "Stored");
    document.dispatchEvent(new CustomEvent("live-part"));
    return;
  }
  const reason = [answer["detail"], answer["title"], answer["message"]].find(
    (text) => typeof text === "string" && text !== "",
  );
  const general = request.status === 0 ? "the connection was lost" : `the node answered ${request.status}`;
  tell(row, "bad", `Failed: ${String(reason ?? general)}`);
}

/**
 * How fast it goes and how long it takes, once that can be said.
 * @param {ProgressEvent} event @param {number} seconds
 */
function pace(event, seconds) {
  if (seconds < 2 || event.loaded === 0) return "";
  const perSecond = event.loaded / seconds;
  const left = (event.total - event.loaded) / perSecond;
  const wait = left < 90 ? `${Math.ceil(left)} s` : `${Math.ceil(left / 60)} min`;
  return `, ${(perSecond / 1_048_576).toFixed(1)} MiB/s, ${wait} left`;
}

function next() {
  const item = underWay < 2 ? waiting.shift() : undefined;
  if (!item || !form) return;
  const { body, row } = item;
  underWay++;
  const request = new XMLHttpRequest();
  const startedMs = performance.now();
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    const share = event.total > 0 ? event.loaded / event.total : 1;
    part(row, "progress").setAttribute("value", share.toFixed(3));
    const seconds = (performance.now() - startedMs) / 1000;
    tell(row, "", share < 1 ? `${Math.floor(share * 100)} %${pace(event, seconds)}` : "Sent, waiting for the copies");
  });
  request.addEventListener("loadend", () => {
    underWay--;
    finish(row, request);
    next();
  });
  request.open("POST", form.getAttribute("action") ?? location.href);
  request.setRequestHeader("Accept", "application/json");
  request.send(body);
  next();
}

/** @param {Iterable<File>} files */
function take(files) {
  if (!(form instanceof HTMLFormElement) || !(input instanceof HTMLInputElement)) return;
  if (!list || !(template instanceof HTMLTemplateElement)) return;
  const maxBytes = Number(form.getAttribute("data-max-bytes") ?? Infinity);
  for (const file of files) {
    const row = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
    part(row, "name").textContent = file.name;
    list.prepend(row);
    if (file.size > maxBytes) {
      part(row, "progress").hidden = true;
      tell(row, "bad", "Failed: larger than this node takes");
      continue;
    }
    tell(row, "", "Waiting");
    const body = new FormData(form);
    body.set(input.name, file);
    waiting.push({ body, row });
  }
  document.querySelector("[data-upload-results]")?.removeAttribute("hidden");
  next();
}

if (form && input instanceof HTMLInputElement) {
  input.multiple = true;
  form.querySelector("[data-upload-hint]")?.removeAttribute("hidden");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take(input.files ?? []);
    input.value = "";
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.setAttribute("data-over", "");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) form.removeAttribute("data-over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    form.removeAttribute("data-over");
    take(event.dataTransfer?.files ?? []);
  });
}
