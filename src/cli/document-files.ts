import { readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { Fault } from '#kernel';

const EXTENSIONS = ['.yaml', '.yml', '.cedar'];

/** Files as they are named, and of a directory the YAML and Cedar files below it, in order of name. Throws `CONFIG_UNREADABLE`. */
export function documentFiles(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => (isDirectory(path) ? filesBelow(path) : [path]));
}

function filesBelow(directory: string): readonly string[] {
  return read(directory)
    .filter((name) => EXTENSIONS.includes(extname(name)))
    .sort()
    .map((name) => join(directory, name))
    .filter((path) => !isDirectory(path));
}

function read(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' });
  } catch (cause) {
    throw new Fault('CONFIG_UNREADABLE', `${directory} cannot be read`, { cause });
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
