import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cpuNews } from '../../../src/sampler/cpu-changes.ts'
import { sessionInfo } from '../../support/session.ts'

const sessions = [{ ...sessionInfo(), cpus: [0, 1] }]

test('while the same CPUs are sampled, the sessions are the same objects', () => {
  const news = cpuNews(sessions, { sampled: [0, 1], problems: [] }, [])
  assert.equal(news.sessions, sessions)
  assert.deepEqual(news.said, [])
})

test('a CPU that went and one that came are said, and the sessions follow', () => {
  const news = cpuNews(sessions, { sampled: [0, 2, 3], problems: [] }, [])
  assert.deepEqual(news.sessions[0]?.cpus, [0, 2, 3])
  assert.equal(news.sessions[0]?.host.cpusOnline, 3)
  assert.deepEqual(news.said, [
    'CPU 1 is offline; it is sampled again when it comes back.',
    'CPU 2 came online, and is sampled from now on.',
    'CPU 3 came online, and is sampled from now on.',
  ])
})

test('of processes, and after the end, nothing is said of CPUs', () => {
  assert.equal(cpuNews(sessions, { sampled: [], problems: [] }, []).sessions, sessions)
})

test('what is wrong with a CPU is said once', () => {
  const problems = ['CPU 2 is not sampled: EMFILE']
  assert.deepEqual(cpuNews(sessions, { sampled: [0, 1], problems }, []).said, problems)
  assert.deepEqual(cpuNews(sessions, { sampled: [0, 1], problems }, problems).said, [])
})
