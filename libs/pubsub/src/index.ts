export type { EventContext, EventHandler } from './event-context.js';
