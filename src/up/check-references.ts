import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { configFault, type EnvironmentDocument, findNearest, type LoadedDocument, type Problem } from '#config';

type Spec = EnvironmentDocument['spec'];

/**
 * What an environment names has to be there: modules, SQL, secrets, and for each service an Entry that gives its process an identity. Throws
 * `CONFIG_INVALID` with every problem, before anything starts.
 */
export function checkReferences(
  environment: LoadedDocument,
  spec: Spec,
  documents: readonly LoadedDocument[],
  check: boolean,
): void {
  const directory = dirname(environment.file);
  const found = [
    ...files(spec, check).flatMap(([path, file]) => missingFile(path, directory, file)),
    ...secrets(spec, check).flatMap(([path, name]) =>
      unknown(path, name, Object.keys(spec.secrets), 'a secret of spec.secrets'),
    ),
    // An entry may be made by other means than these files, so that a service without one is told only where another name is near.
    ...services(spec, check)
      .flatMap(([path, name]) => unknown(path, name, supervised(documents), SUPERVISED))
      .filter(({ nearest }) => nearest !== undefined),
  ];
  if (found.length === 0) return;
  throw configFault(found.map((one) => ({ file: environment.file, line: environment.lineAt(one.path), ...one })));
}

const SUPERVISED = 'a service that an Entry has in a selector supervisor:service:<namespace>/<name>';

type Reference = readonly [path: string, name: string];

function processes(
  spec: Spec,
  check: boolean,
): readonly (readonly [path: string, process: Spec['processes'][number]])[] {
  const own = spec.processes.map((process, index) => [`spec.processes[${index}]`, process] as const);
  const extra = check ? (spec.check?.processes ?? []) : [];
  return [...own, ...extra.map((process, index) => [`spec.check.processes[${index}]`, process] as const)];
}

function files(spec: Spec, check: boolean): readonly Reference[] {
  const modules = processes(spec, check).map(([path, { module }]) => [`${path}.module`, module] as const);
  const schema = spec.postgres?.schema;
  return [
    ...modules,
    ...(schema === undefined ? [] : [['spec.postgres.schema', schema] as const]),
    ...(check && spec.check !== undefined ? [['spec.check.module', spec.check.module] as const] : []),
  ];
}

function secrets(spec: Spec, check: boolean): readonly Reference[] {
  const given = processes(spec, check).flatMap(([path, { secrets: named }]) =>
    Object.entries(named).map(([variable, secret]) => [`${path}.secrets.${variable}`, secret] as const),
  );
  return [...given, ...spec.users.map(({ password }, index) => [`spec.users[${index}].password`, password] as const)];
}

function services(spec: Spec, check: boolean): readonly Reference[] {
  const named = processes(spec, check).flatMap(([path, { service }]) =>
    service === undefined ? [] : [[`${path}.service`, service] as const],
  );
  const { edge, gate } = spec;
  return [
    ...named,
    ...(edge === undefined ? [] : [['spec.edge.service', edge.service] as const]),
    ...(gate === undefined ? [] : [['spec.gate.service', gate.service] as const]),
  ];
}

function supervised(documents: readonly LoadedDocument[]): readonly string[] {
  const prefix = 'supervisor:service:';
  return documents.flatMap(({ document }) =>
    document.kind === 'Entry'
      ? document.spec.selectors.flatMap((one) => (one.startsWith(prefix) ? [one.slice(prefix.length)] : []))
      : [],
  );
}

function unknown(path: string, name: string, known: readonly string[], expected: string): readonly Problem[] {
  if (known.includes(name)) return [];
  const nearest = findNearest(name, known);
  return [{ path, expected, found: `"${name}"`, ...(nearest === undefined ? {} : { nearest }) }];
}

function missingFile(path: string, directory: string, file: string): readonly Problem[] {
  if (existsSync(join(directory, file))) return [];
  const beside = dirname(join(directory, file));
  const names = existsSync(beside) ? readdirSync(beside) : [];
  const near = findNearest(basename(file), names);
  const nearest = near === undefined ? {} : { nearest: join(dirname(file), near) };
  return [{ path, expected: 'a file below this directory', found: `"${file}", which is not there`, ...nearest }];
}
