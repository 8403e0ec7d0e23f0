/** @jsxImportSource hono/jsx */
/**
 * A room to talk in: the living example of a page on top of Windsock, with history, presence and typing. Without script it
 * shows what was said, and its form says something; with script nothing has to be reloaded.
 */
import { Flash, Headline, Section } from "../../../kit/pages/components.tsx";
import { formatInstant, formatTimeOfDay } from "../../../kit/pages/quantity.ts";
import type { ChatView } from "./view.ts";

/** The page. */
export function Chat(view: ChatView) {
  const { lines, mayTalk, mountPath, nick, present, room } = view;
  return (
    <>
      <Headline title={`Room ${room}`} sentence="Whoever reads this page is here. What was said is kept for a while." />
      <div
        class="chat"
        data-chat={room}
        data-base={`${mountPath}/`}
        data-token={mayTalk ? `${mountPath}/chat/${encodeURIComponent(room)}/token` : undefined}
      >
        <Section
          title="Said"
          note={
            <span role="status" data-chat-state>
              Reload to see what is new.
            </span>
          }
        >
          {view.failure === undefined ? null : <Flash tone="bad">{view.failure}</Flash>}
          <ol class="chat-log" role="log" aria-label="What was said" tabindex={0} data-chat-log>
            {lines.map((line) => (
              <li data-position={line.position}>
                <time datetime={new Date(line.at).toISOString()} title={`${formatInstant(line.at)} UTC`}>
                  {formatTimeOfDay(line.at).slice(0, 5)}
                </time>
                <b>{line.nick}</b>
                <span>{line.text}</span>
              </li>
            ))}
          </ol>
          <p class="empty" data-chat-empty hidden={lines.length > 0}>
            Nobody has said anything yet.
          </p>
          <p class="chat-typing" role="status" data-chat-typing />
          {mayTalk ? (
            <form class="chat-form" method="post" action={`${mountPath}/chat/${encodeURIComponent(room)}`}>
              <label>
                Name
                <input name="nick" value={nick} required maxlength={40} autocomplete="nickname" />
              </label>
              <label class="chat-text">
                Message
                <input name="text" required maxlength={2000} autocomplete="off" />
              </label>
              <button type="submit">Say</button>
            </form>
          ) : (
            <p class="empty">Talking needs a token with scope windsock:write.</p>
          )}
        </Section>
        <Section title="Here now">
          <ul class="chat-present" data-chat-present>
            {present.map((name) => (
              <li>{name}</li>
            ))}
          </ul>
          <p class="empty" data-chat-alone hidden={present.length > 0}>
            Nobody with a live page.
          </p>
        </Section>
      </div>
    </>
  );
}
