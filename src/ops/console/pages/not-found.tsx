/** @jsxImportSource hono/jsx */
/**
 * The page for an address where nothing is, with the places where something is.
 */
import { Headline, Section, Table } from "../../../kit/pages/components.tsx";
import type { ServiceView } from "../view.ts";

/** The page's body. */
export function NotFound(props: { path: string; services: readonly ServiceView[] }) {
  const places = props.services.filter((service) => service.href !== undefined);
  return (
    <>
      <Headline
        title="Not here"
        sentence={
          <>
            Nothing answers at <code>{props.path}</code> on this node.
          </>
        }
      />
      <Section title="Places" note="What this node can show">
        <Table
          caption="Places on this node"
          rows={places}
          empty={
            <>
              No service of this node has pages. <a href="/">The console</a> tells what runs.
            </>
          }
          columns={[
            { title: "Service", kind: "main", cell: (service) => <a href={service.href}>{service.name}</a> },
            { title: "What it does", kind: "wide", cell: (service) => service.summary },
          ]}
        />
      </Section>
    </>
  );
}
