# The master does not hold writes: nothing is changed, and who asked is told what it said and what to do.   S1 L1
config id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa announce=10.0.0.9:26379 groups={cache={master=10.0.0.1:6379 quorum=1 nodes=1 down-after=10000ms confirm=50ms failover-timeout=10000ms switchover-timeout=50ms}}
seed 1

at 0ms wake
       > announce event={level=warning group=cache name=+monitor payload="master cache 10.0.0.1 6379 quorum 1"}
       > connect link=10.0.0.1:6379#1 group=cache target=server channel=command
       > connect link=10.0.0.1:6379#2 group=cache target=server channel=hello
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[]}
at 1ms connected link=10.0.0.1:6379#1
       > send link=10.0.0.1:6379#1 ask=auth
       > send link=10.0.0.1:6379#1 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.1:6379#1 ask=info
       > send link=10.0.0.1:6379#1 ask=ping
       > send link=10.0.0.1:6379#1 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,cache,10.0.0.1,6379,0"}
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 2ms answered link=10.0.0.1:6379#1 answer=info{run-id="1111111111111111111111111111111111111111" version=7.0.15 role=master history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 link-up=false priority=100 announced=true replicas=[10.0.0.2:6379]}
       > announce event={level=notice group=cache name=+slave payload="slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379"}
       > connect link=10.0.0.2:6379#3 group=cache target=server channel=command
       > connect link=10.0.0.2:6379#4 group=cache target=server channel=hello
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0}]}
       > save seq=1 state={epoch=0 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
at 3ms answered link=10.0.0.1:6379#1 answer=pong
at 3ms answered link=10.0.0.1:6379#1 answer=ok
at 4ms connected link=10.0.0.2:6379#3
       > send link=10.0.0.2:6379#3 ask=auth
       > send link=10.0.0.2:6379#3 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.2:6379#3 ask=info
       > send link=10.0.0.2:6379#3 ask=ping
       > send link=10.0.0.2:6379#3 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,0,cache,10.0.0.1,6379,0"}
at 5ms answered link=10.0.0.2:6379#3 answer=ok
at 5ms answered link=10.0.0.2:6379#3 answer=ok
at 5ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 master=10.0.0.1:6379 link-up=true priority=100 announced=true replicas=[]}
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 5ms answered link=10.0.0.2:6379#3 answer=pong
at 6ms answered link=10.0.0.2:6379#3 answer=ok
at 6ms saved seq=1
at 20ms requested call=4 request=switchover{group=cache to=10.0.0.2:6379}
       > send link=10.0.0.2:6379#3 ask=info
       > announce event={level=warning group=cache name=+new-epoch payload="1"}
       > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1"}
       > save seq=2 state={epoch=1 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=1 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
at 20ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 master=10.0.0.1:6379 link-up=true priority=100 announced=true replicas=[]}
at 22ms saved seq=2
       > announce event={level=warning group=cache name=+elected-leader payload="master cache 10.0.0.1 6379"}
       > send link=10.0.0.1:6379#1 ask=pause{epoch=1 limit=550ms}
       > send link=10.0.0.1:6379#1 ask=info
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 23ms answered link=10.0.0.1:6379#1 answer=error{text="ERR unknown command 'CLIENT', with args beginning with: 'PAUSE' '550' 'WRITE' "}
       > announce event={level=warning group=cache name=-failover-abort-master-timeout payload="master cache 10.0.0.1 6379"}
       > send link=10.0.0.1:6379#1 ask=unpause
       > reply call=4 reply=refused{code=ERR why="the master 10.0.0.1:6379 does not hold writes (CLIENT PAUSE: ERR unknown command 'CLIENT', with args beginning with: 'PAUSE' '550' 'WRITE' ), so that nothing was changed. If `rename-command` hides CLIENT there, give it back; a sentinel.conf can name it with a `rename-command` of its own"}
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0}]}
at 23ms answered link=10.0.0.1:6379#1 answer=info{run-id="1111111111111111111111111111111111111111" version=7.0.15 role=master history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=140 link-up=false priority=100 announced=true replicas=[10.0.0.2:6379]}
at 23ms answered link=10.0.0.1:6379#1 answer=error{text="ERR unknown command 'CLIENT', with args beginning with: 'UNPAUSE' "}
# An operator has given the command back, and not the right to it.
at 40ms requested call=5 request=switchover{group=cache to=10.0.0.2:6379}
       > send link=10.0.0.2:6379#3 ask=info
       > announce event={level=warning group=cache name=+new-epoch payload="2"}
       > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 2"}
       > save seq=3 state={epoch=2 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=2 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379] peers=[]}}}
at 42ms saved seq=3
       > announce event={level=warning group=cache name=+elected-leader payload="master cache 10.0.0.1 6379"}
       > send link=10.0.0.1:6379#1 ask=pause{epoch=2 limit=550ms}
       > send link=10.0.0.1:6379#1 ask=info
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=40}]}
at 43ms answered link=10.0.0.1:6379#1 answer=denied{text="NOPERM this user has no permissions to run the 'client|pause' command"}
       > announce event={level=warning group=cache name=-denied payload="master cache 10.0.0.1 6379 NOPERM this user has no permissions to run the 'client|pause' command"}
       > announce event={level=warning group=cache name=-failover-abort-master-timeout payload="master cache 10.0.0.1 6379"}
       > send link=10.0.0.1:6379#1 ask=unpause
       > reply call=5 reply=refused{code=ERR why="the master 10.0.0.1:6379 does not hold writes (CLIENT PAUSE: NOPERM this user has no permissions to run the 'client|pause' command), so that nothing was changed. Allow it to the user that Standfast is there: `ACL SETUSER <user> +client`"}
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=40}]}
at 43ms answered link=10.0.0.1:6379#1 answer=info{run-id="1111111111111111111111111111111111111111" version=7.0.15 role=master history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=140 link-up=false priority=100 announced=true replicas=[10.0.0.2:6379]}
