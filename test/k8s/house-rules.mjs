/**
 * What must hold for the objects of an overlay, beyond being objects of Kubernetes. Each rule brings a mistake that it must
 * find: a rule that finds nothing is worth nothing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../tools/layers.mjs';
import { nameOf } from './schema.mjs';

const APP = 'rookery-samples';
const MESH_SERVICE = 'rookery-mesh';
const POSTGRES_PORT = 5432;
/** What leaving takes at most: acknowledgements, the goodbye, discovery that withdraws. */
const LEAVE_MS = 3_000;
/** What Kubernetes takes for the probes of a pod that say nothing. */
const PROBE_DEFAULTS = { periodSeconds: 10, failureThreshold: 3 };
/** A cookie that is shorter is refused by every node. */
const SHORTEST_COOKIE = 16;

const textOf = (path) => readFileSync(join(root, path), 'utf8');
const httpGraceMs = Number(
  /HTTP_GRACE_MS = ([\d_]+);/.exec(textOf('libs/cluster/src/cluster.lifecycle.ts'))[1].replaceAll('_', ''),
);
const sources = readdirSync(join(root, 'libs/replica/src'))
  .filter((file) => !file.endsWith('.spec.ts'))
  .map((file) => textOf(`libs/replica/src/${file}`))
  .join('\n');
const imagePorts = /^EXPOSE (.*)$/m.exec(textOf('Dockerfile'))[1].split(' ').map(Number);
const [HTTP_PORT, MESH_PORT] = imagePorts;
const imageUser = Number(/^USER (\d+):/m.exec(textOf('Dockerfile'))[1]);

const ofKind = (objects, ...kinds) => objects.filter(({ kind }) => kinds.includes(kind));
const named = (objects, kind, name) => objects.find((one) => one.kind === kind && one.metadata.name === name);
const workloads = (objects) => ofKind(objects, 'Deployment', 'StatefulSet');
const replicas = (objects) => ofKind(objects, 'Deployment');
const podOf = ({ spec }) => spec.template.spec;
const containerOf = (workload) => podOf(workload).containers[0];
const labelsOf = ({ spec }) => spec.template.metadata.labels;
const portsOf = (workload) => containerOf(workload).ports;
const variable = (workload, name) => containerOf(workload).env.find((one) => one.name === name);
const decoded = (base64) => Buffer.from(base64, 'base64').toString();
const matches = (selector, labels) => Object.entries(selector).every(([key, value]) => labels[key] === value);
const selected = (objects, selector) => workloads(objects).filter((workload) => matches(selector, labelsOf(workload)));
/** The number of a port that is given by name or number; undefined where the workload has none such. */
const portNumber = (workload, port) =>
  portsOf(workload).find(({ name, containerPort }) => port === name || port === containerPort)?.containerPort;

/** Collects what is said of a condition that does not hold. */
function collect(look) {
  return (objects) => {
    const problems = [];
    look(objects, (isFine, problem) => {
      if (!isFine) problems.push(problem);
    });
    return problems;
  };
}

/** @type {{ name: string, find: (objects: object[]) => string[], mistakes: Record<string, (objects: object[]) => void> }[]} */
export const houseRules = [
  {
    name: 'the headless service lists pods that are not ready, at the port of the mesh',
    find: collect((objects, expect) => {
      const { spec } = named(objects, 'Service', MESH_SERVICE);
      expect(spec.clusterIP === 'None', `${MESH_SERVICE} is not headless`);
      expect(spec.publishNotReadyAddresses === true, `${MESH_SERVICE} does not list pods that are not ready`);
      expect(spec.ports.length === 1 && spec.ports[0].port === MESH_PORT, `${MESH_SERVICE} is not at ${MESH_PORT}`);
      expect(spec.ports[0].name.startsWith('tcp-'), 'the name of its port does not say tcp to a service mesh');
      const found = selected(objects, spec.selector).map(nameOf).sort().join();
      expect(found === replicas(objects).map(nameOf).sort().join(), `${MESH_SERVICE} selects ${found}`);
    }),
    mistakes: {
      'only ready pods': (objects) => delete named(objects, 'Service', MESH_SERVICE).spec.publishNotReadyAddresses,
      'an address in front': (objects) => delete named(objects, 'Service', MESH_SERVICE).spec.clusterIP,
      'one application alone': (objects) =>
        (named(objects, 'Service', MESH_SERVICE).spec.selector['app.kubernetes.io/component'] = 'api'),
    },
  },
  {
    name: 'every selector selects pods',
    find: collect((objects, expect) => {
      for (const object of objects) {
        const selector = { Service: object.spec?.selector, NetworkPolicy: object.spec?.podSelector?.matchLabels }[
          object.kind
        ];
        const labels = selector ?? object.spec?.selector?.matchLabels;
        if (labels !== undefined) expect(selected(objects, labels).length > 0, `${nameOf(object)} selects nothing`);
      }
      for (const workload of workloads(objects)) {
        const own = selected(objects, workload.spec.selector.matchLabels);
        expect(own.length === 1 && own[0] === workload, `${nameOf(workload)} does not select its own pods alone`);
        for (const { labelSelector } of podOf(workload).topologySpreadConstraints ?? []) {
          const spread = selected(objects, labelSelector.matchLabels);
          expect(spread.length === 1 && spread[0] === workload, `${nameOf(workload)} spreads other pods`);
        }
      }
      for (const { spec } of ofKind(objects, 'NetworkPolicy')) {
        for (const { podSelector } of [...(spec.ingress ?? []), ...(spec.egress ?? [])].flatMap((rule) => [
          ...(rule.from ?? []),
          ...(rule.to ?? []),
        ])) {
          expect(
            selected(objects, podSelector.matchLabels).length > 0,
            'a network policy names pods that are not there',
          );
        }
      }
    }),
    mistakes: {
      'a misspelt label': (objects) =>
        (labelsOf(named(objects, 'Deployment', 'rookery-api'))['app.kubernetes.io/component'] = 'apis'),
      'pods of both': (objects) =>
        delete named(objects, 'Deployment', 'rookery-api').spec.selector.matchLabels['app.kubernetes.io/component'],
      'a policy for nobody': (objects) =>
        (named(objects, 'NetworkPolicy', APP).spec.ingress[0].from[0].podSelector.matchLabels = { app: 'other' }),
    },
  },
  {
    name: 'ports agree, from the image to the services',
    find: collect((objects, expect) => {
      for (const workload of replicas(objects)) {
        const numbers = portsOf(workload).map(({ containerPort }) => containerPort);
        expect(
          numbers.join() === imagePorts.join(),
          `${nameOf(workload)} has ports ${numbers.join()}, the image ${imagePorts.join()}`,
        );
        const { startupProbe, readinessProbe, livenessProbe } = containerOf(workload);
        for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
          expect(
            portNumber(workload, probe?.httpGet.port) === HTTP_PORT,
            `${nameOf(workload)} is probed elsewhere than by HTTP`,
          );
        }
      }
      for (const service of ofKind(objects, 'Service')) {
        for (const { port, targetPort = port } of service.spec.ports) {
          for (const workload of selected(objects, service.spec.selector)) {
            expect(
              portNumber(workload, targetPort) !== undefined,
              `${nameOf(service)}: ${nameOf(workload)} has no port ${targetPort}`,
            );
          }
          const isHeadless = service.spec.clusterIP === 'None';
          const [workload] = selected(objects, service.spec.selector);
          expect(
            !isHeadless || portNumber(workload, targetPort) === port,
            `${nameOf(service)} is headless, and translates no port`,
          );
        }
      }
    }),
    mistakes: {
      'another port of the mesh': (objects) =>
        (portsOf(named(objects, 'Deployment', 'rookery-api'))[1].containerPort = 4371),
      'a port that is not there': (objects) =>
        (named(objects, 'Service', 'rookery-landing').spec.ports[0].targetPort = 'web'),
      'a port that is translated': (objects) => (named(objects, 'Service', MESH_SERVICE).spec.ports[0].port = 80),
      'a probe of the mesh': (objects) =>
        (containerOf(named(objects, 'Deployment', 'rookery-api')).livenessProbe.httpGet.port = 'tcp-rookery'),
    },
  },
  {
    name: 'the mesh is open to the replicas alone, and they reach each other, names and their database',
    find: collect((objects, expect) => {
      const { spec } = named(objects, 'NetworkPolicy', APP);
      const [workload] = selected(objects, spec.podSelector.matchLabels);
      const has = ({ ports }, number) => ports.some(({ port }) => (portNumber(workload, port) ?? port) === number);
      const isForReplicas = (peers) =>
        peers?.length === 1 && selected(objects, peers[0].podSelector.matchLabels).length === replicas(objects).length;
      expect(spec.policyTypes.join() === 'Ingress,Egress', 'the policy is not about both directions');
      for (const rule of spec.ingress) {
        expect(Array.isArray(rule.ports), 'a rule opens every port');
        if (has(rule, MESH_PORT)) expect(isForReplicas(rule.from), 'the mesh is open to others');
        if (has(rule, HTTP_PORT)) expect(rule.from === undefined, 'HTTP is not open');
      }
      expect(
        spec.ingress.some((rule) => has(rule, MESH_PORT)),
        'nobody reaches the mesh',
      );
      expect(
        spec.ingress.some((rule) => has(rule, HTTP_PORT)),
        'nobody reaches HTTP',
      );
      expect(
        spec.egress.some((rule) => has(rule, MESH_PORT) && isForReplicas(rule.to)),
        'a replica does not reach the others',
      );
      const dns = spec.egress.find((rule) => has(rule, 53));
      expect(
        dns?.ports
          .map(({ protocol }) => protocol)
          .sort()
          .join() === 'TCP,UDP',
        'a replica cannot ask for names',
      );
      expect(
        spec.egress.some((rule) => has(rule, POSTGRES_PORT)),
        'a replica does not reach its database',
      );
      expect(
        spec.egress.every((rule) => Array.isArray(rule.ports)),
        'a replica may talk to everybody about everything',
      );
    }),
    mistakes: {
      'another port': (objects) => (named(objects, 'NetworkPolicy', APP).spec.ingress[0].ports[0].port = 4371),
      'a mesh for everybody': (objects) => delete named(objects, 'NetworkPolicy', APP).spec.ingress[0].from,
      'no mesh': (objects) => named(objects, 'NetworkPolicy', APP).spec.ingress.shift(),
      'no names': (objects) => named(objects, 'NetworkPolicy', APP).spec.egress.shift(),
      'no way to the others': (objects) => named(objects, 'NetworkPolicy', APP).spec.egress.splice(1, 1),
      'no policy for what goes out': (objects) => named(objects, 'NetworkPolicy', APP).spec.policyTypes.pop(),
    },
  },
  {
    name: 'there is time to serve on, to finish and to say goodbye',
    find: collect((objects, expect) => {
      for (const workload of replicas(objects)) {
        const { readinessProbe, lifecycle } = containerOf(workload);
        const drainMs = Number(variable(workload, 'HTTP_DRAIN_MS')?.value);
        const neededMs = drainMs + httpGraceMs + LEAVE_MS;
        const graceMs = podOf(workload).terminationGracePeriodSeconds * 1_000;
        expect(graceMs >= neededMs, `${nameOf(workload)} needs ${neededMs} ms to end, and has ${graceMs} ms`);
        expect(lifecycle === undefined, `${nameOf(workload)} has a hook, though HTTP_DRAIN_MS is there for that`);
        const { periodSeconds, failureThreshold } = { ...PROBE_DEFAULTS, ...readinessProbe };
        const toldMs = periodSeconds * failureThreshold * 1_000;
        expect(
          drainMs >= toldMs,
          `${nameOf(workload)} serves on for ${drainMs} ms, and is known to drain after ${toldMs} ms`,
        );
      }
    }),
    mistakes: {
      'a short grace period': (objects) => (podOf(replicas(objects)[0]).terminationGracePeriodSeconds = 14),
      'no grace period': (objects) => delete podOf(replicas(objects)[0]).terminationGracePeriodSeconds,
      'a long time to serve on': (objects) => (variable(replicas(objects)[1], 'HTTP_DRAIN_MS').value = '11000'),
      'a probe that notices late': (objects) => delete containerOf(replicas(objects)[0]).readinessProbe.periodSeconds,
    },
  },
  {
    name: 'readiness asks for the phase, liveness for nothing',
    find: collect((objects, expect) => {
      for (const workload of replicas(objects)) {
        const { startupProbe, readinessProbe, livenessProbe } = containerOf(workload);
        expect(readinessProbe?.httpGet.path === '/health', `${nameOf(workload)} is ready by another word than /health`);
        for (const probe of [startupProbe, livenessProbe]) {
          expect(
            probe?.httpGet.path === '/health/live',
            `${nameOf(workload)} may be restarted because others are away`,
          );
        }
        const { periodSeconds, failureThreshold } = { ...PROBE_DEFAULTS, ...livenessProbe };
        expect(periodSeconds * failureThreshold >= 30, `${nameOf(workload)} is restarted too soon`);
      }
    }),
    mistakes: {
      'liveness that fails while it drains': (objects) =>
        (containerOf(replicas(objects)[0]).livenessProbe.httpGet.path = '/health'),
      'readiness that never fails': (objects) =>
        (containerOf(replicas(objects)[0]).readinessProbe.httpGet.path = '/health/live'),
      'no startup probe': (objects) => delete containerOf(replicas(objects)[1]).startupProbe,
      'an impatient one': (objects) => (containerOf(replicas(objects)[0]).livenessProbe.periodSeconds = 1),
    },
  },
  {
    name: 'secrets are referred to, there, and of no use as they are',
    find: collect((objects, expect) => {
      const secretHas = (name, key) => named(objects, 'Secret', name)?.data[key] !== undefined;
      for (const workload of workloads(objects)) {
        for (const { name, value, valueFrom } of containerOf(workload).env) {
          expect(
            value === undefined || !/COOKIE$|PASSWORD|DATABASE_URL/.test(name),
            `${nameOf(workload)} holds ${name} itself`,
          );
          const reference = valueFrom?.secretKeyRef;
          if (reference === undefined) continue;
          expect(
            secretHas(reference.name, reference.key),
            `${name}: there is no ${reference.key} in ${reference.name}`,
          );
        }
        for (const { secret } of podOf(workload).volumes ?? []) {
          for (const { key } of secret?.items ?? []) {
            expect(secretHas(secret.secretName, key), `there is no ${key} in ${secret.secretName}`);
          }
        }
      }
      for (const workload of replicas(objects)) {
        const path = variable(workload, 'CLUSTER_COOKIE_FILE')?.value;
        const mounted = containerOf(workload).volumeMounts.flatMap(({ name, mountPath }) =>
          podOf(workload)
            .volumes.find((volume) => volume.name === name)
            .secret.items.map((item) => `${mountPath}/${item.path}`),
        );
        expect(mounted.includes(path), `${nameOf(workload)} reads its cookie from ${path}, where no secret is`);
      }
      for (const { data } of ofKind(objects, 'Secret')) {
        const cookie = decoded(data.cookie);
        expect(cookie.length < SHORTEST_COOKIE, 'there is a cookie in this repository that works');
        const isPlaceholder = Object.values(data).every((value) => decoded(value).includes('CHANGE-ME'));
        expect(isPlaceholder, 'there is a secret in this repository that is no placeholder');
      }
    }),
    mistakes: {
      'a cookie that works': (objects) =>
        (ofKind(objects, 'Secret')[0].data.cookie = Buffer.from('CHANGE-ME-but-long-enough').toString('base64')),
      'a password': (objects) =>
        (ofKind(objects, 'Secret')[0].data['database-url'] = Buffer.from('postgres://me:x@db/x').toString('base64')),
      'a literal': (objects) =>
        containerOf(replicas(objects)[0]).env.push({ name: 'CLUSTER_COOKIE', value: 'of 16 characters' }),
      'a key that is not there': (objects) =>
        (variable(replicas(objects)[0], 'DATABASE_URL').valueFrom.secretKeyRef.key = 'url'),
      'a secret that is not there': (objects) => (podOf(replicas(objects)[0]).volumes[0].secret.secretName = 'secrets'),
      'a file that is not there': (objects) =>
        (variable(replicas(objects)[1], 'CLUSTER_COOKIE_FILE').value = '/etc/cookie'),
    },
  },
  {
    name: 'every variable is one that the samples read',
    find: collect((objects, expect) => {
      for (const workload of replicas(objects)) {
        for (const { name } of containerOf(workload).env) {
          expect(sources.includes(`'${name}'`), `${nameOf(workload)} sets ${name}, which nothing reads`);
        }
        const service = variable(workload, 'CLUSTER_KUBERNETES_SERVICE')?.value;
        expect(
          named(objects, 'Service', service) !== undefined,
          `${nameOf(workload)} looks for ${service}, which is no service`,
        );
        expect(
          variable(workload, 'CLUSTER_PORT') === undefined,
          `${nameOf(workload)} listens elsewhere than the service says`,
        );
      }
    }),
    mistakes: {
      'a misspelt variable': (objects) => (variable(replicas(objects)[0], 'HTTP_DRAIN_MS').name = 'HTTP_DRAINMS'),
      'a service that is not there': (objects) =>
        (variable(replicas(objects)[0], 'CLUSTER_KUBERNETES_SERVICE').value = 'mesh'),
    },
  },
  {
    name: 'pods have no rights that they do not need',
    find: collect((objects, expect) => {
      for (const workload of workloads(objects)) {
        const { securityContext: pod, enableServiceLinks } = podOf(workload);
        const { securityContext: container, resources } = containerOf(workload);
        expect(pod.runAsNonRoot === true && pod.runAsUser > 0, `${nameOf(workload)} may run as root`);
        expect(pod.seccompProfile?.type === 'RuntimeDefault', `${nameOf(workload)} has no seccomp profile`);
        expect(container.readOnlyRootFilesystem === true, `${nameOf(workload)} may write to its image`);
        expect(container.allowPrivilegeEscalation === false, `${nameOf(workload)} may gain rights`);
        expect(container.capabilities?.drop?.join() === 'ALL', `${nameOf(workload)} keeps capabilities`);
        expect(resources?.limits?.memory !== undefined, `${nameOf(workload)} has no limit of memory`);
        expect(resources?.requests?.cpu !== undefined, `${nameOf(workload)} asks for no processor`);
        expect(resources?.limits?.cpu === undefined, `${nameOf(workload)} is held back, and late with heartbeats`);
        expect(enableServiceLinks === false, `${nameOf(workload)} takes variables from the names of services`);
      }
      for (const workload of replicas(objects)) {
        expect(
          podOf(workload).securityContext.runAsUser === imageUser,
          `${nameOf(workload)} is not the user of the image`,
        );
      }
    }),
    mistakes: {
      root: (objects) => delete podOf(replicas(objects)[0]).securityContext.runAsNonRoot,
      'another user': (objects) => (podOf(replicas(objects)[0]).securityContext.runAsUser = 999),
      'a writable image': (objects) => delete containerOf(replicas(objects)[0]).securityContext.readOnlyRootFilesystem,
      capabilities: (objects) => delete containerOf(replicas(objects)[1]).securityContext.capabilities,
      'no seccomp': (objects) => delete podOf(replicas(objects)[1]).securityContext.seccompProfile,
      'no limit': (objects) => delete containerOf(replicas(objects)[0]).resources.limits,
    },
  },
  {
    name: 'the token is there where the API is asked, with two verbs',
    find: collect((objects, expect) => {
      const account = named(objects, 'ServiceAccount', APP);
      for (const workload of replicas(objects)) {
        expect(podOf(workload).serviceAccountName === APP, `${nameOf(workload)} has another service account`);
      }
      const [role] = ofKind(objects, 'Role');
      expect(
        account.automountServiceAccountToken === (role !== undefined),
        'a token without a role, or a role without a token',
      );
      for (const workload of replicas(objects)) {
        const isAsked = variable(workload, 'CLUSTER_KUBERNETES_API')?.value === 'true';
        expect(
          isAsked === (role !== undefined),
          `${nameOf(workload)} asks the API without a role, or has one for nothing`,
        );
      }
      if (role === undefined) return;
      const rules = JSON.stringify(role.rules);
      const wanted = [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] }];
      expect(rules === JSON.stringify(wanted), `the role allows ${rules}`);
      const [binding] = ofKind(objects, 'RoleBinding');
      expect(binding?.roleRef.kind === 'Role' && binding.roleRef.name === role.metadata.name, 'the role is not bound');
      const subjects = binding?.subjects.map(({ kind, name }) => `${kind} ${name}`).join();
      expect(subjects === `ServiceAccount ${APP}`, `the role is bound to ${subjects}`);
      const reachable = named(objects, 'NetworkPolicy', APP).spec.egress.flatMap(({ ports }) =>
        ports.map(({ port }) => port),
      );
      expect(reachable.includes(443) && reachable.includes(6443), 'the policy keeps replicas from the API');
    }),
    mistakes: {
      'one that asks the other way': (objects) => {
        const { env } = containerOf(replicas(objects)[0]);
        const at = env.findIndex(({ name }) => name === 'CLUSTER_KUBERNETES_API');
        if (at < 0) env.push({ name: 'CLUSTER_KUBERNETES_API', value: 'true' });
        else env.splice(at, 1);
      },
      'a token for nothing': (objects) => {
        const account = named(objects, 'ServiceAccount', APP);
        account.automountServiceAccountToken = !account.automountServiceAccountToken;
      },
      'a role that allows more': (objects) => {
        objects.push({
          kind: 'Role',
          metadata: { name: 'more' },
          rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
        });
        objects.reverse();
      },
    },
  },
  {
    name: 'a rollout and a drained node leave enough',
    find: collect((objects, expect) => {
      for (const workload of replicas(objects)) {
        const { strategy } = workload.spec;
        expect(strategy?.rollingUpdate?.maxUnavailable === 0, `${nameOf(workload)} is rolled out with fewer pods`);
        const budgets = ofKind(objects, 'PodDisruptionBudget').filter(({ spec }) =>
          matches(spec.selector.matchLabels, labelsOf(workload)),
        );
        expect(budgets.length === 1, `${nameOf(workload)} has ${budgets.length} disruption budgets`);
        expect(
          budgets[0]?.spec.maxUnavailable === 1,
          `${nameOf(workload)} keeps nodes from being drained, or does not mind`,
        );
        const keys = (podOf(workload).topologySpreadConstraints ?? []).map(({ topologyKey }) => topologyKey);
        expect(keys.includes('kubernetes.io/hostname'), `${nameOf(workload)} may be on one machine alone`);
      }
    }),
    mistakes: {
      'fewer pods': (objects) => (replicas(objects)[0].spec.strategy.rollingUpdate.maxUnavailable = 1),
      'no budget': (objects) => objects.splice(objects.indexOf(ofKind(objects, 'PodDisruptionBudget')[0]), 1),
      'one machine': (objects) => delete podOf(replicas(objects)[0]).topologySpreadConstraints,
    },
  },
];
