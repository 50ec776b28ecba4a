/** A controller that notes what it is told. */
import { Controller, type ModuleMetadata } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';

export function listening(heard: string[], name: string): ModuleMetadata {
  @Controller()
  class Listening {
    @EventPattern('told')
    on(what: string): void {
      heard.push(`${name} ${what}`);
    }
  }
  return { controllers: [Listening] };
}
