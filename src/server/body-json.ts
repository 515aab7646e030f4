import type { Resource } from '#wire/gen/hauberk_workload';

const written = new WeakMap<object, string>();
const made = new WeakMap<object, Resource>();

/** The JSON of a resource's body, written once however many agents it goes to. */
export function bodyJson(body: unknown): string {
  if (typeof body !== 'object' || body === null) return JSON.stringify(body);
  let json = written.get(body);
  if (json === undefined) {
    json = JSON.stringify(body);
    written.set(body, json);
  }
  return json;
}

/** A resource as it is sent: one object for all agents, which is not to be written into. */
export function resourceOf(kind: string, key: string, body: unknown): Resource {
  if (typeof body !== 'object' || body === null) return { kind, key, bodyJson: bodyJson(body) };
  const known = made.get(body);
  if (known?.kind === kind && known.key === key) return known;
  const resource = { kind, key, bodyJson: bodyJson(body) };
  made.set(body, resource);
  return resource;
}

/** Bytes of a body's JSON: about as many as it has in other messages. */
export function bodyBytes(body: unknown): number {
  return Buffer.byteLength(bodyJson(body));
}
