const written = new WeakMap<object, string>();

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
