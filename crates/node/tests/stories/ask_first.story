# Asked first: who answers the second question stays, and the address is not put; after a growing pause it is tried again.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] ask-first=200ms follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=1 gap=500ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
       > changed address=vip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
at 10ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[]}
       > ask interface=eth0 ip=10.0.0.100
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
# The old holder, which is about to leave: too early to count.
at 20ms elsewhere interface=eth0 ip=10.0.0.100 by=02:00:00:00:00:09
until 150ms
  at 110ms wake
         > ask interface=eth0 ip=10.0.0.100
at 160ms elsewhere interface=eth0 ip=10.0.0.100 by=02:00:00:00:00:09
       > tell address=vip is-bad=true text="02:00:00:00:00:09 answers for 10.0.0.100 on eth0: another host has it. It was not put here, and is tried again after a pause. Was it given to two hosts?"
       > will address=vip remove=[] say=[]
       > changed address=vip from=backup to=fault priority=100 why="02:00:00:00:00:09 answers for 10.0.0.100 on eth0: another host has it"
until 1300ms
  at 1160ms wake
         > ask interface=eth0 ip=10.0.0.100
         > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
         > changed address=vip from=fault to=backup priority=100 why="asks on eth0 whether another host has it"
  at 1260ms wake
         > ask interface=eth0 ip=10.0.0.100
at 1310ms elsewhere interface=eth0 ip=10.0.0.100 by=02:00:00:00:00:09
       > tell address=vip is-bad=true text="02:00:00:00:00:09 answers for 10.0.0.100 on eth0: another host has it. It was not put here, and is tried again after a pause. Was it given to two hosts?"
       > will address=vip remove=[] say=[]
       > changed address=vip from=backup to=fault priority=100 why="02:00:00:00:00:09 answers for 10.0.0.100 on eth0: another host has it"
until 4000ms
  at 3310ms wake
         > ask interface=eth0 ip=10.0.0.100
         > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
         > changed address=vip from=fault to=backup priority=100 why="asks on eth0 whether another host has it"
  at 3410ms wake
         > ask interface=eth0 ip=10.0.0.100
  at 3510ms wake
         > put interface=eth0 address=10.0.0.100/24
         > announce interface=eth0 ips=[10.0.0.100]
         > tickle address=vip
         > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
  at 3610ms wake
         > tickle address=vip
  at 3810ms wake
         > tickle address=vip
# It is held: whoever says that he has it is contradicted, and the pager told, once a minute.
at 5000ms elsewhere interface=eth0 ip=10.0.0.100 by=02:00:00:00:00:09
       > tickle address=vip
until 5100ms
  at 5050ms wake
         > tell address=vip is-bad=true text="02:00:00:00:00:09 says on eth0 that it has 10.0.0.100, which is held here (1 times since the last line); it stays, and is announced again"
         > announce interface=eth0 ips=[10.0.0.100]
until 5200ms
at 5200ms elsewhere interface=eth0 ip=10.0.0.100 by=02:00:00:00:00:09
until 7000ms
  at 5510ms wake
         > tickle address=vip
at 7000ms elsewhere interface=eth0 ip=10.0.0.100 by=02:00:00:00:00:09
until 7100ms
  at 7050ms wake
         > announce interface=eth0 ips=[10.0.0.100]
