# A stock leader, who knows no promise, decides while we have replicas sealed: they are sent to its master.          M6
config id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa announce=10.0.0.9:26379 groups={cache={master=10.0.0.1:6379 quorum=1 nodes=1 down-after=1000ms confirm=50ms failover-timeout=10000ms switchover-timeout=1000ms}}
state epoch=5 groups={cache={master=10.0.0.1:6379 config-epoch=0 servers=[10.0.0.1:6379 10.0.0.2:6379 10.0.0.3:6379] peers=[]}}
seed 1
at 0ms wake
       > announce event={level=warning group=cache name=+monitor payload="master cache 10.0.0.1 6379 quorum 1"}
       > connect link=10.0.0.1:6379#1 group=cache target=server channel=command
       > connect link=10.0.0.1:6379#2 group=cache target=server channel=hello
       > connect link=10.0.0.2:6379#3 group=cache target=server channel=command
       > connect link=10.0.0.2:6379#4 group=cache target=server channel=hello
       > connect link=10.0.0.3:6379#5 group=cache target=server channel=command
       > connect link=10.0.0.3:6379#6 group=cache target=server channel=hello
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0} {addr=10.0.0.3:6379 link=down offset=0}]}
at 1ms connected link=10.0.0.1:6379#1
       > send link=10.0.0.1:6379#1 ask=auth
       > send link=10.0.0.1:6379#1 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.1:6379#1 ask=info
       > send link=10.0.0.1:6379#1 ask=ping
       > send link=10.0.0.1:6379#1 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,5,cache,10.0.0.1,6379,0"}
at 1ms connected link=10.0.0.2:6379#3
       > send link=10.0.0.2:6379#3 ask=auth
       > send link=10.0.0.2:6379#3 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.2:6379#3 ask=info
       > send link=10.0.0.2:6379#3 ask=ping
       > send link=10.0.0.2:6379#3 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,5,cache,10.0.0.1,6379,0"}
at 1ms connected link=10.0.0.3:6379#5
       > send link=10.0.0.3:6379#5 ask=auth
       > send link=10.0.0.3:6379#5 ask=name{name=sentinel-aaaaaaaa-cmd}
       > send link=10.0.0.3:6379#5 ask=info
       > send link=10.0.0.3:6379#5 ask=ping
       > send link=10.0.0.3:6379#5 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,5,cache,10.0.0.1,6379,0"}
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 2ms answered link=10.0.0.1:6379#1 answer=info{run-id="1111111111111111111111111111111111111111" version=7.0.15 role=master history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 link-up=false priority=100 announced=true replicas=[10.0.0.2:6379]}
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=down offset=0} {addr=10.0.0.3:6379 link=down offset=0}]}
       > save seq=1 state={epoch=5 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee servers=[10.0.0.1:6379 10.0.0.2:6379 10.0.0.3:6379] peers=[]}}}
at 2ms answered link=10.0.0.1:6379#1 answer=pong
at 2ms answered link=10.0.0.1:6379#1 answer=ok
at 3ms answered link=10.0.0.2:6379#3 answer=ok
at 3ms answered link=10.0.0.2:6379#3 answer=ok
at 3ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 master=10.0.0.1:6379 link-up=true priority=100 announced=true replicas=[]}
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0} {addr=10.0.0.3:6379 link=down offset=0}]}
at 3ms answered link=10.0.0.2:6379#3 answer=pong
at 3ms answered link=10.0.0.2:6379#3 answer=ok
at 3ms answered link=10.0.0.3:6379#5 answer=ok
at 3ms answered link=10.0.0.3:6379#5 answer=ok
at 3ms answered link=10.0.0.3:6379#5 answer=info{run-id="3333333333333333333333333333333333333333" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=100 master=10.0.0.1:6379 link-up=true priority=100 announced=true replicas=[]}
       > publish view={group=cache epoch=0 phase=steady master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0} {addr=10.0.0.3:6379 link=up offset=100 lag=0}]}
at 3ms answered link=10.0.0.3:6379#5 answer=pong
at 3ms answered link=10.0.0.3:6379#5 answer=ok
at 6ms saved seq=1
at 100ms failed link=10.0.0.1:6379#1 fault=closed
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=up offset=100 lag=0} {addr=10.0.0.3:6379 link=up offset=100 lag=0}]}
until 110ms
  at 110ms wake
         > connect link=10.0.0.1:6379#7 group=cache target=server channel=command
at 111ms failed link=10.0.0.1:6379#7 fault=refused
until 150ms
  at 121ms wake
         > connect link=10.0.0.1:6379#8 group=cache target=server channel=command
  at 150ms wake
         > announce event={level=warning group=cache name=+sdown payload="master cache 10.0.0.1 6379"}
         > announce event={level=warning group=cache name=+odown payload="master cache 10.0.0.1 6379 #quorum 1/1"}
         > announce event={level=warning group=cache name=+new-epoch payload="6"}
         > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.1 6379"}
         > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 6"}
         > save seq=2 state={epoch=6 groups={cache={master=10.0.0.1:6379 config-epoch=0 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=6 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379 10.0.0.3:6379] peers=[]}}}
at 152ms saved seq=2
       > announce event={level=warning group=cache name=+elected-leader payload="master cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+failover-state-select-slave payload="master cache 10.0.0.1 6379"}
       > send link=10.0.0.2:6379#3 ask=seal{epoch=6}
       > send link=10.0.0.2:6379#3 ask=info
       > send link=10.0.0.3:6379#5 ask=seal{epoch=6}
       > send link=10.0.0.3:6379#5 ask=info
at 153ms answered link=10.0.0.2:6379#3 answer=ok
at 153ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=130 master=127.0.0.1:1 link-up=false priority=100 announced=true replicas=[]}
       > publish view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[{addr=10.0.0.2:6379 link=stale offset=130 lag=0} {addr=10.0.0.3:6379 link=up offset=100 lag=0}]}
at 153ms answered link=10.0.0.3:6379#5 answer=ok
# c (a stock leader, or one whose time was over) promoted 10.0.0.2 in epoch 5; our seal came after that
at 154ms requested call=1 request=hello{text="10.0.0.8,26379,bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,5,cache,10.0.0.2,6379,5"}
       > announce event={level=notice group=cache name=+sentinel payload="sentinel bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.8 26379 @ cache 10.0.0.1 6379"}
       > send link=10.0.0.3:6379#5 ask=replicate{master=10.0.0.2:6379}
       > announce event={level=warning group=cache name=+config-update-from payload="sentinel bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.8 26379 @ cache 10.0.0.1 6379"}
       > announce event={level=warning group=cache name=+switch-master payload="cache 10.0.0.1 6379 10.0.0.2 6379"}
       > announce event={level=notice group=cache name=+slave payload="slave 10.0.0.3:6379 10.0.0.3 6379 @ cache 10.0.0.2 6379"}
       > announce event={level=notice group=cache name=+slave payload="slave 10.0.0.1:6379 10.0.0.1 6379 @ cache 10.0.0.2 6379"}
       > announce event={level=warning group=cache name=+sdown payload="slave 10.0.0.1:6379 10.0.0.1 6379 @ cache 10.0.0.2 6379"}
       > reply call=1 reply=ok
       > send link=10.0.0.2:6379#3 ask=info
       > send link=10.0.0.2:6379#3 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,6,cache,10.0.0.2,6379,5"}
       > send link=10.0.0.3:6379#5 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,6,cache,10.0.0.2,6379,5"}
       > connect link=10.0.0.8:26379#9 group=cache target=peer channel=command
       > publish view={group=cache epoch=5 phase=steady master=10.0.0.2:6379 replicas=[{addr=10.0.0.1:6379 link=down offset=100 lag=30} {addr=10.0.0.3:6379 link=stale offset=100 lag=30}]}
       > save seq=3 state={epoch=6 groups={cache={master=10.0.0.2:6379 config-epoch=5 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=6 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379 10.0.0.3:6379] peers=[{id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb addr=10.0.0.8:26379}]}}}
at 155ms saved seq=3
at 156ms answered link=10.0.0.2:6379#3 answer=info{run-id="2222222222222222222222222222222222222222" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=130 master=127.0.0.1:1 link-up=false priority=100 announced=true replicas=[]}
at 156ms answered link=10.0.0.3:6379#5 answer=info{run-id="3333333333333333333333333333333333333333" version=7.0.15 role=replica history="eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee" offset=120 master=127.0.0.1:1 link-up=false priority=100 announced=true replicas=[]}
until 200ms
  at 179ms wake
         > send link=10.0.0.2:6379#3 ask=ping
until 400ms
  at 201ms wake
         > send link=10.0.0.3:6379#5 ask=ping
until 600ms
  at 500ms wake
         > close link=10.0.0.1:6379#2
         > connect link=10.0.0.1:6379#10 group=cache target=server channel=hello
         > close link=10.0.0.2:6379#4
         > connect link=10.0.0.2:6379#11 group=cache target=server channel=hello
         > close link=10.0.0.3:6379#6
         > connect link=10.0.0.3:6379#12 group=cache target=server channel=hello
until 800ms
  at 621ms wake
         > close link=10.0.0.1:6379#8
         > connect link=10.0.0.1:6379#13 group=cache target=server channel=command
  at 654ms wake
         > close link=10.0.0.8:26379#9
         > connect link=10.0.0.8:26379#14 group=cache target=peer channel=command
until 1000ms
  at 1000ms wake
         > close link=10.0.0.1:6379#10
         > connect link=10.0.0.1:6379#15 group=cache target=server channel=hello
         > close link=10.0.0.2:6379#11
         > connect link=10.0.0.2:6379#16 group=cache target=server channel=hello
         > close link=10.0.0.3:6379#12
         > connect link=10.0.0.3:6379#17 group=cache target=server channel=hello
until 1200ms
  at 1121ms wake
         > close link=10.0.0.1:6379#13
         > connect link=10.0.0.1:6379#18 group=cache target=server channel=command
  at 1154ms wake
         > send link=10.0.0.2:6379#3 ask=info
         > send link=10.0.0.2:6379#3 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,6,cache,10.0.0.2,6379,5"}
         > send link=10.0.0.3:6379#5 ask=info
         > send link=10.0.0.3:6379#5 ask=hello{text="10.0.0.9,26379,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,6,cache,10.0.0.2,6379,5"}
         > close link=10.0.0.8:26379#14
         > connect link=10.0.0.8:26379#19 group=cache target=peer channel=command
  at 1179ms wake
         > announce event={level=warning group=cache name=+sdown payload="master cache 10.0.0.2 6379"}
         > announce event={level=warning group=cache name=+odown payload="master cache 10.0.0.2 6379 #quorum 1/1"}
         > announce event={level=warning group=cache name=+new-epoch payload="7"}
         > announce event={level=warning group=cache name=+try-failover payload="master cache 10.0.0.2 6379"}
         > announce event={level=warning group=cache name=+vote-for-leader payload="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 7"}
         > publish view={group=cache epoch=5 phase=switching master=10.0.0.2:6379 replicas=[{addr=10.0.0.1:6379 link=down offset=100 lag=30} {addr=10.0.0.3:6379 link=stale offset=120 lag=10}]}
         > save seq=4 state={epoch=7 groups={cache={master=10.0.0.2:6379 config-epoch=5 history=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee vote={epoch=7 leader=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa} servers=[10.0.0.1:6379 10.0.0.2:6379 10.0.0.3:6379] peers=[{id=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb addr=10.0.0.8:26379}]}}}
until 1400ms
  at 1201ms wake
         > announce event={level=warning group=cache name=+sdown payload="slave 10.0.0.3:6379 10.0.0.3 6379 @ cache 10.0.0.2 6379"}
         > publish view={group=cache epoch=5 phase=switching master=10.0.0.2:6379 replicas=[{addr=10.0.0.1:6379 link=down offset=100 lag=30} {addr=10.0.0.3:6379 link=down offset=120 lag=10}]}
until 1600ms
  at 1500ms wake
         > close link=10.0.0.1:6379#15
         > connect link=10.0.0.1:6379#20 group=cache target=server channel=hello
         > close link=10.0.0.2:6379#16
         > connect link=10.0.0.2:6379#21 group=cache target=server channel=hello
         > close link=10.0.0.3:6379#17
         > connect link=10.0.0.3:6379#22 group=cache target=server channel=hello
until 1800ms
  at 1621ms wake
         > close link=10.0.0.1:6379#18
         > connect link=10.0.0.1:6379#23 group=cache target=server channel=command
  at 1654ms wake
         > close link=10.0.0.8:26379#19
         > connect link=10.0.0.8:26379#24 group=cache target=peer channel=command
until 2000ms
  at 2000ms wake
         > close link=10.0.0.1:6379#20
         > connect link=10.0.0.1:6379#25 group=cache target=server channel=hello
         > close link=10.0.0.2:6379#21
         > connect link=10.0.0.2:6379#26 group=cache target=server channel=hello
         > close link=10.0.0.3:6379#22
         > connect link=10.0.0.3:6379#27 group=cache target=server channel=hello
until 2200ms
  at 2121ms wake
         > close link=10.0.0.1:6379#23
         > connect link=10.0.0.1:6379#28 group=cache target=server channel=command
  at 2154ms wake
         > announce event={level=warning group=cache name=+sdown payload="sentinel bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 10.0.0.8 26379 @ cache 10.0.0.2 6379"}
         > close link=10.0.0.2:6379#3
         > connect link=10.0.0.2:6379#29 group=cache target=server channel=command
         > close link=10.0.0.3:6379#5
         > connect link=10.0.0.3:6379#30 group=cache target=server channel=command
         > close link=10.0.0.8:26379#24
         > connect link=10.0.0.8:26379#31 group=cache target=peer channel=command
until 2400ms
until 2600ms
  at 2500ms wake
         > close link=10.0.0.1:6379#25
         > connect link=10.0.0.1:6379#32 group=cache target=server channel=hello
         > close link=10.0.0.2:6379#26
         > connect link=10.0.0.2:6379#33 group=cache target=server channel=hello
         > close link=10.0.0.3:6379#27
         > connect link=10.0.0.3:6379#34 group=cache target=server channel=hello
until 2800ms
  at 2621ms wake
         > close link=10.0.0.1:6379#28
         > connect link=10.0.0.1:6379#35 group=cache target=server channel=command
  at 2654ms wake
         > close link=10.0.0.2:6379#29
         > connect link=10.0.0.2:6379#36 group=cache target=server channel=command
         > close link=10.0.0.3:6379#30
         > connect link=10.0.0.3:6379#37 group=cache target=server channel=command
         > close link=10.0.0.8:26379#31
         > connect link=10.0.0.8:26379#38 group=cache target=peer channel=command
until 3000ms
  at 3000ms wake
         > close link=10.0.0.1:6379#32
         > connect link=10.0.0.1:6379#39 group=cache target=server channel=hello
         > close link=10.0.0.2:6379#33
         > connect link=10.0.0.2:6379#40 group=cache target=server channel=hello
         > close link=10.0.0.3:6379#34
         > connect link=10.0.0.3:6379#41 group=cache target=server channel=hello
until 3200ms
  at 3121ms wake
         > close link=10.0.0.1:6379#35
         > connect link=10.0.0.1:6379#42 group=cache target=server channel=command
  at 3154ms wake
         > close link=10.0.0.2:6379#36
         > connect link=10.0.0.2:6379#43 group=cache target=server channel=command
         > close link=10.0.0.3:6379#37
         > connect link=10.0.0.3:6379#44 group=cache target=server channel=command
         > close link=10.0.0.8:26379#38
         > connect link=10.0.0.8:26379#45 group=cache target=peer channel=command
  at 3179ms wake
         > announce event={level=warning group=cache name=-failover-abort-not-elected payload="master cache 10.0.0.2 6379"}
         > publish view={group=cache epoch=5 phase=lost master=10.0.0.2:6379 replicas=[{addr=10.0.0.1:6379 link=down offset=100 lag=30} {addr=10.0.0.3:6379 link=down offset=120 lag=10}]}
until 3400ms
