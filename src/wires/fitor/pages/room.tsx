/** @jsxImportSource hono/jsx */
/**
 * The page of a room: the rooms there are, what was said in this one, who is there, and a line to speak. Without script it reads
 * and speaks by reloading; with it lines come as they are said.
 */
import { Flash, Mark, type Tone } from "../../../kit/pages/components.tsx";
import { type Html, linkTo } from "../../../kit/pages/html.ts";
import { formatInstant } from "../../../kit/pages/quantity.ts";
import type { Line } from "../history.ts";
import { type Person, type RoomLink, roomPath, type RoomView } from "./view.ts";

const stateMarks: Record<RoomLink["state"], { tone: Tone; word: string }> = {
  in: { tone: "good", word: "there" },
  coming: { tone: "busy", word: "on the way" },
  out: { tone: "bad", word: "not there" },
};

/** Words with links where they hold addresses of the web. */
function Words({ text }: { text: string }) {
  return (
    <>
      {text.split(/(https?:\/\/[^\s<>"]+[^\s<>"'.,;:!?)\]])/).map((part, index) => {
        const href = index % 2 === 1 ? linkTo(part) : undefined;
        return href === undefined ? (
          part
        ) : (
          <a href={href} rel="noreferrer">
            {part}
          </a>
        );
      })}
    </>
  );
}

function Said({ line }: { line: Line }) {
  switch (line.kind) {
    case "message":
      return (
        <>
          <b class="line-nick">{line.nick}</b> <Words text={line.text} />
        </>
      );
    case "notice":
      return (
        <>
          <b class="line-nick">{line.nick}</b> <i>notes</i> <Words text={line.text} />
        </>
      );
    case "action":
      return (
        <i>
          <b class="line-nick">{line.nick}</b> <Words text={line.text} />
        </i>
      );
    case "status":
      return (
        <span class="line-event">
          <Words text={line.text} />
        </span>
      );
    default:
      return (
        <span class="line-event">
          {line.nick} <Words text={line.text} />
        </span>
      );
  }
}

const origins: Partial<Record<Line["origin"], string>> = { web: "page", bus: "bus" };

/** One line. */
export function LineRow({ line, where }: { line: Line; where?: Html }) {
  const stamp = new Date(line.at).toISOString();
  return (
    <li class={`line line-${line.kind}`} id={`l${line.id}`} data-id={line.id} data-day={stamp.slice(0, 10)}>
      <time class="line-time" datetime={stamp} title={`${formatInstant(line.at)} UTC`}>
        {stamp.slice(11, 16)}
      </time>
      <span class="line-words">
        <Said line={line} />
        {origins[line.origin] === undefined ? null : <small class="line-origin">{origins[line.origin]}</small>}
        {where}
      </span>
    </li>
  );
}

function Lines({ view }: { view: RoomView }) {
  const rows: Html[] = [];
  let day = "";
  for (const line of view.lines) {
    const own = new Date(line.at).toISOString().slice(0, 10);
    if (own !== day) rows.push(<li class="line-day">{own}</li>);
    day = own;
    const where =
      view.search === "" ? undefined : (
        <a class="line-where" href={`?before=${line.id + 30}#l${line.id}`}>
          in its place
        </a>
      );
    rows.push(<LineRow line={line} where={where} />);
  }
  return <>{rows}</>;
}

/** The list of rooms. */
export function RoomList({ rooms }: { rooms: readonly RoomLink[] }) {
  const networks = [...new Set(rooms.map(({ network }) => network))];
  return (
    <>
      {networks.map((network) => (
        <>
          <h2>{network}</h2>
          <ul>
            {rooms
              .filter((room) => room.network === network)
              .map((room) => (
                <li>
                  <a
                    href={room.href}
                    aria-current={room.isCurrent ? "page" : undefined}
                    data-room={room.key}
                    data-newest={room.newestId}
                  >
                    <span class="room-name">{room.channel}</span>
                    <span class="room-unread" hidden></span>
                  </a>
                  {room.state === "in" ? null : (
                    <Mark {...stateMarks[room.state]} note={room.reason === "" ? undefined : room.reason} />
                  )}
                </li>
              ))}
          </ul>
        </>
      ))}
    </>
  );
}

/** Who is there. */
export function People({ people }: { people: readonly Person[] }) {
  return (
    <>
      <h2>{people.length} there</h2>
      <ul>
        {people.slice(0, 500).map(({ nick, signs }) => (
          <li>
            <span class="person-sign">{signs[0] ?? ""}</span>
            {nick}
          </li>
        ))}
      </ul>
      {people.length > 500 ? <p>and {people.length - 500} more</p> : null}
    </>
  );
}

/** Topic and state of a room. */
export function RoomHead({ room, topic }: { room: RoomLink; topic: string }) {
  return (
    <>
      <h1>{room.channel}</h1>
      {room.state === "in" ? null : <Mark {...stateMarks[room.state]} note={room.reason} />}
      <p class="room-topic">{room.state === "in" || room.reason === "" ? <Words text={topic} /> : room.reason}</p>
    </>
  );
}

function Speak({ view }: { view: RoomView }) {
  const path = `${view.mountPath}${roomPath(view.room.network, view.room.channel)}say`;
  return (
    <form class="speak" method="post" action={path} data-speak>
      {view.isNickFixed ? (
        <b class="speak-nick">{view.nick}</b>
      ) : (
        <label class="speak-nick">
          <span class="unseen">Your name</span>
          <input
            name="nick"
            value={view.nick}
            maxlength={32}
            autocomplete="nickname"
            autocapitalize="none"
            placeholder="Your name"
            required
          />
        </label>
      )}
      <label class="speak-words">
        <span class="unseen">What to say in {view.room.channel}</span>
        <input
          name="text"
          value={view.unsaid}
          maxlength={4000}
          autocomplete="off"
          placeholder={`Say something in ${view.room.channel}`}
          required
          data-speak-text
        />
      </label>
      <button type="submit">Say</button>
    </form>
  );
}

/** The page. */
export function Room(view: RoomView) {
  const { room } = view;
  const own = `${view.mountPath}${roomPath(room.network, room.channel)}`;
  return (
    <div
      class="chat"
      data-chat={view.mountPath}
      data-chat-room={room.key}
      data-chat-after={view.newestId}
      data-chat-windsock={view.windsock && `${view.windsock.path}/`}
      data-chat-address={view.windsock?.address}
      data-chat-live={view.isPast || view.search !== "" ? "no" : "yes"}
    >
      <nav class="rooms" aria-label="Rooms" data-rooms>
        <RoomList rooms={view.rooms} />
      </nav>
      <section class="talk" aria-label={`What is said in ${room.channel}`}>
        <header class="talk-head">
          <div class="talk-title" data-head>
            <RoomHead room={room} topic={view.topic} />
          </div>
          <form class="talk-search" method="get" action={own} role="search">
            <label>
              <span class="unseen">Search in {room.channel}</span>
              <input type="search" name="search" value={view.search} placeholder="Search" autocomplete="off" />
            </label>
            <button type="submit">Search</button>
          </form>
        </header>
        {view.problem === "" ? null : <Flash tone="bad">{view.problem}</Flash>}
        {view.search === "" && !view.isPast ? null : (
          <p class="talk-note">
            {view.search === ""
              ? "Earlier lines. "
              : view.lines.length === 0
                ? "Nothing here has these words. "
                : "What was found, the newest last. "}
            <a href={own}>Back to now</a>
          </p>
        )}
        <ol class="lines" data-lines tabindex={0} role="log" aria-label={`Lines of ${room.channel}`}>
          {view.earlierId === undefined ? null : (
            <li class="line-more">
              <a href={`${own}?before=${view.earlierId}`}>Earlier lines</a>
            </li>
          )}
          <Lines view={view} />
          {view.lines.length === 0 && view.search === "" ? (
            <li class="line-more" data-nothing>
              Nothing was said here yet.
            </li>
          ) : null}
        </ol>
        <p class="talk-live" data-chat-state role="status">
          Reload to see what is new.
        </p>
        <p class="talk-said" data-chat-said role="status"></p>
        {view.canSay ? (
          <Speak view={view} />
        ) : (
          <p class="talk-note">
            You may read here. To speak, <a href="/sign-in">sign in</a> with a token that may write.
          </p>
        )}
      </section>
      <aside class="people" aria-label="Who is there" tabindex={0} data-people>
        <People people={view.people} />
      </aside>
    </div>
  );
}
