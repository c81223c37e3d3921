// WebSocket frames as short as tests need them (RFC 6455 §5): one piece, at most 125 bytes.
import { createHash, randomBytes } from 'node:crypto';

export const TEXT = 1;
export const CLOSE = 8;

/** What a server answers to a client's key. */
export const accept = (key) =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

/** A frame; a client's is masked. */
export function frame(opcode, payload, masked) {
  const mask = masked ? randomBytes(4) : Buffer.alloc(4);
  const bytes = Buffer.from(payload).map((byte, at) => byte ^ mask[at % 4]);
  const head = Buffer.from([0x80 | opcode, (masked ? 0x80 : 0) | bytes.length]);
  return Buffer.concat([head, masked ? mask : Buffer.alloc(0), bytes]);
}

/** Calls `hear` with opcode and payload of each frame that comes on `socket`. */
export function frames(socket, head, hear) {
  let left = head;
  const read = () => {
    while (left.length >= 2) {
      const masked = left[1] >> 7;
      const start = 2 + 4 * masked;
      const end = start + (left[1] & 127);
      if (left.length < end) return;
      const mask = masked ? left.subarray(2, 6) : Buffer.alloc(4);
      const payload = Buffer.from(left.subarray(start, end)).map((byte, at) => byte ^ mask[at % 4]);
      const opcode = left[0] & 15;
      left = left.subarray(end);
      hear(opcode, payload);
    }
  };
  socket.on('data', (chunk) => {
    left = Buffer.concat([left, chunk]);
    read();
  });
  read();
}
