import type { MessageType } from './definition.ts';
import { encodeFrame } from './grpc-frames.ts';

const frames = new WeakMap<object, Buffer | undefined>();

/** Marks a message that is answered to many: it is encoded for the first, and must not change afterwards. */
export function shared<T extends object>(message: T): T {
  if (!frames.has(message)) frames.set(message, undefined);
  return message;
}

/** A message with its gRPC frame; that of a shared one is made once, and is not to be written into. */
export function frameOf<T>(type: MessageType<T>, message: T): Buffer {
  if (typeof message !== 'object' || message === null || !frames.has(message)) return encode(type, message);
  const known = frames.get(message);
  if (known !== undefined) return known;
  const frame = encode(type, message);
  frames.set(message, frame);
  return frame;
}

function encode<T>(type: MessageType<T>, message: T): Buffer {
  return encodeFrame(type.encode(message).finish());
}
