/** Makes the room live by the same client that any page may load: history, presence, typing. */
const root = document.querySelector("[data-chat]");
const log = root?.querySelector("[data-chat-log]");
const form = root?.querySelector("form");
/** @param {string} name */
const part = (name) => /** @type {HTMLElement | null | undefined} */ (root?.querySelector(`[data-chat-${name}]`));
/** @param {string} name */
const field = (name) => /** @type {HTMLInputElement} */ (form?.elements.namedItem(name));
/** Who is typing, by name, and until when it is shown. @type {Map<string, ReturnType<typeof setTimeout>>} */
const typing = new Map();

/** @param {string} name @param {string} words */
function tell(name, words) {
  const place = part(name);
  if (place && place.textContent !== words) place.textContent = words;
}

/** @param {{position: string, at: number, value: unknown}} message */
function show({ at, position, value }) {
  const said = /** @type {{nick?: unknown, text?: unknown} | undefined} */ (value);
  if (!log || typeof said?.text !== "string" || log.querySelector(`[data-position="${CSS.escape(position)}"]`)) return;
  const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
  const item = document.createElement("li");
  item.dataset["position"] = position;
  const time = document.createElement("time");
  time.dateTime = new Date(at).toISOString();
  time.textContent = time.dateTime.slice(11, 16);
  const nick = document.createElement("b");
  nick.textContent = String(said.nick ?? "");
  const text = document.createElement("span");
  text.textContent = said.text;
  item.append(time, nick, text);
  log.append(item);
  part("empty")?.setAttribute("hidden", "");
  if (isAtEnd) log.scrollTop = log.scrollHeight;
  stopTyping(String(said.nick ?? ""));
}

function tellTyping() {
  const names = [...typing.keys()];
  tell(
    "typing",
    names.length === 0 ? "" : `${names.slice(0, 3).join(", ")} ${names.length > 1 ? "are" : "is"} typing…`,
  );
}

/** @param {string} nick */
function stopTyping(nick) {
  clearTimeout(typing.get(nick));
  if (typing.delete(nick)) tellTyping();
}

/** @param {{user: string}[]} present */
function showPresent(present) {
  const names = [...new Set(present.map(({ user }) => user))].sort();
  part("present")?.replaceChildren(
    ...names.map((name) => {
      const item = document.createElement("li");
      item.textContent = name;
      return item;
    }),
  );
  part("alone")?.toggleAttribute("hidden", names.length > 0);
}

/** @param {HTMLElement} place @param {string} tokenUrl */
async function talk(place, tokenUrl) {
  const { Windsock } = await import(`${place.dataset["base"]}client.js`);
  const address = `chat.${place.dataset["chat"]}`;
  let nick = field("nick").value.trim();
  /** @param {string} name */
  const open = (name) => {
    const opened = new Windsock(new URL(place.dataset["base"] ?? "/", location.href), {
      tokenUrl: `${tokenUrl}?nick=${encodeURIComponent(name)}`,
    });
    const look = async () => showPresent(await opened.presence(address));
    opened.on("change", () => look().catch((error) => tell("state", error.message)));
    opened.on("error", (/** @type {Error} */ error) => tell("state", error.message));
    opened.on("state", (/** @type {{state: string, reason?: string}} */ { reason, state }) => {
      if (state === "connected") tell("state", "Live.");
      else if (state === "waiting") tell("state", "Connection lost, trying again.");
      else if (state === "closed" && reason) tell("state", `Not live: ${reason}.`);
    });
    opened.subscribe(address, show, {
      history: 50,
      gap: () => tell("state", "Live, but something that was said in between is lost."),
    });
    opened.subscribe(`${address}.typing`, (/** @type {{value: unknown}} */ { value }) => {
      const name = String(value);
      if (name === nick) return;
      clearTimeout(typing.get(name));
      typing.set(
        name,
        setTimeout(() => stopTyping(name), 5000),
      );
      tellTyping();
    });
    opened.presence(address, { enter: true, watch: true }).then(showPresent, () => undefined);
    return opened;
  };
  let windsock = open(nick);
  let toldAt = 0;
  field("text").addEventListener("input", () => {
    if (Date.now() - toldAt < 2500) return;
    toldAt = Date.now();
    windsock.publish(`${address}.typing`, JSON.stringify(nick)).catch(() => undefined);
  });
  field("nick").addEventListener("change", () => {
    nick = field("nick").value.trim() || nick;
    windsock.close();
    windsock = open(nick);
  });
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = field("text").value.trim();
    if (text === "") return;
    field("text").value = "";
    toldAt = 0;
    try {
      await windsock.publish(address, { nick, text });
    } catch (error) {
      // Nothing that was written is lost by it.
      if (field("text").value === "") field("text").value = text;
      tell("state", error instanceof Error ? error.message : String(error));
    }
  });
  addEventListener("pagehide", () => windsock.close(), { once: true });
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

if (log) log.scrollTop = log.scrollHeight;
if (root instanceof HTMLElement && root.dataset["token"]) {
  talk(root, root.dataset["token"]).catch((error) => tell("state", `Not live: ${error.message}`));
}
